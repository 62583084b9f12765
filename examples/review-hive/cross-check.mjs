/** Checks that need to know another file: calls whose result nobody awaits, and calls in loops that block. */
import { quoteAt } from './checks.mjs'
import { groupBy } from './group-by.mjs'
import { self } from './hub.mjs'
import { delicateCalls, factsOf } from './imports.mjs'
import { ask } from './letters.mjs'

/**
 * Looks at the calls that some files make into others; whoever has the other file under review is asked about it.
 * @param files the reviewer's own
 * @param owners path → id of the agent that reviews it
 * @returns findings, once all answers are there
 */
export async function crossCheck(read, files, owners) {
  const isFile = (path) => Object.hasOwn(owners, path)
  const calls = read.flatMap((file) => delicateCalls(file, isFile).map((call) => ({ ...call, file })))
  const findings = [...groupBy(calls, ({ from }) => from)].map(async ([path, group]) => {
    const names = [...new Set(group.map(({ name }) => name))]
    const facts =
      owners[path] === self
        ? factsAbout(await files.read(path), names)
        : await askOwner(owners[path], path, names)
    return group.flatMap((call) => judge(call, facts?.[call.name]))
  })
  return (await Promise.all(findings)).flat()
}

/** What the functions of a file do, by name. */
export function factsAbout(file, names) {
  return Object.fromEntries(names.map((name) => [name, factsOf(file, name)]))
}

/** A fact as a person would say it. */
export const inWords = ({ isAsync, blocks }) =>
  `${isAsync ? 'returns a promise' : 'returns at once'}${blocks === undefined ? '' : `, blocks in ${blocks}`}`

function askOwner(owner, path, names) {
  const verb = names.length === 1 ? 'Does' : 'Do'
  return ask(owner, `${verb} ${names.join(', ')} of ${path} block or need await?`, { path, names })
}

function judge({ name, line, offset, file, isBare, isInLoop }, fact) {
  const finding = (check, says) => ({
    check,
    level: 'warning',
    says,
    path: file.path,
    line,
    lines: [line],
    quote: quoteAt(file, offset),
  })
  const findings = []
  if (isBare && fact?.isAsync) findings.push(finding('missing-await', `does not await ${name}()`))
  if (isInLoop && fact?.blocks)
    findings.push(finding('blocks-in-loop', `blocks in a loop: ${name}() calls ${fact.blocks}`))
  return findings
}
