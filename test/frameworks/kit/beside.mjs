/** The ways in which hivelog is beside an instrumentation that the application has set up: its `telemetry.mjs`. */

const TELEMETRY = './telemetry.mjs'

/** Imports of the application without hivelog. */
export const ALONE = [TELEMETRY]

/** `processor`: by spans alone; the others see what else there is too. */
export const BESIDE = {
  processor: { base: 'none', env: { HIVELOG_TEST_PROCESSOR: '1' }, imports: [TELEMETRY] },
  register: { imports: [TELEMETRY] },
  'register, later': { imports: [TELEMETRY, 'hivelog/register'] },
  startHive: { imports: [TELEMETRY] },
}

/** A scenario that the framework's own adapter is tried with, and what spans alone say of it. */
export function bySpans(scenario, { name, program, programs, env, ofSpans }) {
  const { truth, check, modes, ...rest } = scenario
  return {
    ...rest,
    name: name ?? scenario.name,
    ...(program !== undefined && { program }),
    ...(programs !== undefined && { programs }),
    alone: ALONE,
    modes: BESIDE,
    env: () => env ?? {},
    truth: (run) => {
      const whole = typeof truth === 'function' ? truth(run) : truth
      return run.mode === 'processor' ? ofSpans(whole, run) : whole
    },
    check: (run) => (run.mode === 'processor' ? [] : (check?.(run) ?? [])),
  }
}
