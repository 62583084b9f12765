// The event that everybody writes: a message between two agents, as a line of the log of some 260 bytes.

export const SESSION = 'sess_4f1d9b7a60c2e835'
export const TRACE = '5b8efff798038103d269b633813fc60c'
export const SPAN = 'eee19b7ec3c1b174'
const ID_PREFIX = '9c41d07e-'

const SUBJECTS = [
  'Need the schema of the users table',
  'Review of src/journal is done: two findings, none severe',
  'Build is green on main',
  'Which of the two migrations runs first?',
  'Drop the cache before the next deploy',
  'Tests for the parser are in, 41 of them, all pass',
  'Propose to split the worker in two',
  'Ready for the next task',
]

/** The event's own fields. */
export function fieldsOf(i) {
  return {
    from: 'lead',
    to: 'coder',
    act: 'request',
    subject: SUBJECTS[i & 7],
    id: ID_PREFIX + i.toString(36),
  }
}

/** What an application passes to `agent.message()`. */
export const inputOf = (i) => ({ to: 'coder', act: 'request', subject: SUBJECTS[i & 7] })

/** The same fields as span event attributes. */
export function attributesOf(i) {
  return {
    'hive.from': 'lead',
    'hive.to': 'coder',
    'hive.act': 'request',
    'hive.subject': SUBJECTS[i & 7],
    'hive.id': ID_PREFIX + i.toString(36),
  }
}

/** The whole line as one object, for those who leave the encoding to `JSON.stringify`. */
export function objectOf(i) {
  return {
    ts: Date.now(),
    kind: 'message',
    from: 'lead',
    to: 'coder',
    act: 'request',
    subject: SUBJECTS[i & 7],
    id: ID_PREFIX + i.toString(36),
    seq: i + 1,
    session: SESSION,
    checkpoint: i,
    trace: TRACE,
    span: SPAN,
  }
}

/** The same without `ts`, for a logger that writes the time itself. */
export function untimedObjectOf(i) {
  return {
    kind: 'message',
    from: 'lead',
    to: 'coder',
    act: 'request',
    subject: SUBJECTS[i & 7],
    id: ID_PREFIX + i.toString(36),
    seq: i + 1,
    session: SESSION,
    checkpoint: i,
    trace: TRACE,
    span: SPAN,
  }
}
