/** One call of a tool: from what was given to what is answered. Nothing that goes wrong here is thrown. */
import { HivelogError } from '../format/errors.js'
import { HttpError } from '../serve/http.js'
import { answerOf, DEFAULT_BYTES, errorOf, MAX_BYTES, MIN_BYTES, type ToolResult } from './answer.js'
import { type Arguments, AskError, checked, type Given } from './arguments.js'
import { digestOf, placeIn } from './cursor.js'
import { type Hive, hiveOf, type Parts } from './hives.js'
import { questionOf, type Tool } from './tool.js'
import { TOOLS } from './tools.js'

/** What each tool takes. */
const OF_ALL: Arguments = {
  log: {
    type: 'text',
    about: 'id, name or session of the log, as overview lists them; can be left out where there is only one',
  },
  max_bytes: {
    type: 'number',
    min: MIN_BYTES,
    max: MAX_BYTES,
    about: `bytes that the answer may have; default ${DEFAULT_BYTES}`,
  },
  limit: { type: 'number', min: 1, max: 1000, about: 'items that the answer may have' },
  cursor: { type: 'text', max: 100, about: 'of the answer before, to go on; with the same arguments' },
}

export const argumentsOf = ({ takes }: Tool): Arguments => ({ ...takes, ...OF_ALL })

export interface Caller extends Parts {
  /** Is told of what goes wrong inside, a line each. */
  onError(message: string): void
}

/** @returns the answer; one line as an error where it cannot be given */
export async function called(
  caller: Caller,
  name: string,
  given: unknown,
  signal: AbortSignal,
): Promise<ToolResult> {
  const tool = TOOLS.find((each) => each.name === name)
  try {
    if (tool === undefined)
      throw new AskError(`there is no tool ${JSON.stringify(name.slice(0, 60))}; there are ${namesOf()}`)
    return await answered(caller, tool, checked(name, argumentsOf(tool), given), signal)
  } catch (error) {
    if (signal.aborted) return errorOf('it is not wanted any more')
    return errorOf(reasonOf(error as Error, caller))
  }
}

async function answered(
  parts: Caller,
  tool: Tool,
  { cursor, max_bytes: maxBytes = DEFAULT_BYTES, limit, log, ...given }: Given,
  signal: AbortSignal,
): Promise<ToolResult> {
  const name = log as string | undefined
  const isOfAll = tool.isOfAll === true && name === undefined && (await countOf(parts)) !== 1
  const hive: Hive | undefined = isOfAll ? undefined : await hiveOf(parts, name)
  const question = digestOf(`${questionOf(tool.name, given)} ${hive?.known.id ?? ''}`)
  const place = cursor === undefined ? undefined : placeIn(cursor as string, question)
  const report =
    hive === undefined
      ? await (tool.ofAll as NonNullable<Tool['ofAll']>)({ given, parts, signal })
      : await tool.run({ given, parts, hive, signal })
  signal.throwIfAborted()
  return answerOf(
    {
      tool: tool.name,
      question,
      from: place?.from ?? 0,
      stamp: place?.stamp,
      maxBytes: maxBytes as number,
      limit: limit as number | undefined,
      logs: hive === undefined ? [] : [hive.known],
    },
    report,
  )
}

const countOf = async ({ catalogue }: Parts): Promise<number> => (await catalogue.page('', 1, 0)).total

const namesOf = (): string => TOOLS.map(({ name }) => name).join(', ')

function reasonOf(error: Error, { onError }: Caller): string {
  if (error instanceof AskError || error instanceof HttpError || error instanceof HivelogError)
    return error.message
  // What can be parsed can be nested too deeply to be written again.
  if (error instanceof RangeError)
    return 'something in this log is nested too deeply for this tool; get_events tells events one by one'
  onError(error.message)
  return 'something went wrong here; hivelog says on its own output what'
}
