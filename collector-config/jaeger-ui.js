// Jaeger's UI for hives: spans and events get links that show the hivelog command for their lines in the audit file.
// jaeger.yaml takes it when JAEGER_UI_CONFIG names it; docs/jaeger.md shows what it looks like.
// A script and not JSON, because what a span says has to be quoted before it is fit for a shell.
// Jaeger puts this text into its page, and would replace what follows a dollar sign: there is none in here.

// biome-ignore lint/correctness/noUnusedVariables: Jaeger calls it.
function UIConfig() {
  /** Opens the dialog below; in a page without it, Jaeger's first page. */
  const LINK = '#command='
  const TRACE = 'trace.traceID'

  /** A link with the command of the words that `make` makes of `parameters`; without all of them, no link. */
  function command(parameters, make) {
    const line = (values) => ['hivelog', ...make(values)].join(' ')
    return {
      url: { parameters, template: (values) => LINK.concat(encodeURIComponent(line(values))) },
      text: { parameters, template: line },
    }
  }

  /** One word for a shell. Characters that a terminal would act on are dropped. */
  function quoted(value) {
    const text = String(value).replace(/\p{C}/gu, '')
    if (text !== '' && !/[^\w.:@/+-]/.test(text)) return text
    return ["'", text.replaceAll("'", "'\\''"), "'"].join('')
  }

  function option(name, value) {
    return [name, quoted(value)].join('=')
  }

  /** The lines of a trace in which one of the ids stands: of a message, where it was sent, taken or dropped. */
  function mentions(trace, ids) {
    const patterns = ids.flatMap((id) => ['-e', quoted(JSON.stringify(String(id)))])
    return ['cat', '--json', option('--trace', trace), '|', 'grep', '-F', ...patterns]
  }

  /** A drain's ids, which Jaeger keeps as JSON text: the first of them, lest the command outgrow its dialog. */
  function listed(ids) {
    try {
      return [].concat(typeof ids === 'string' ? JSON.parse(ids) : ids).slice(0, 20)
    } catch {
      return [ids]
    }
  }

  /** Shows the command, ready to copy: a page of the web cannot run it or read the file. */
  function show(text) {
    const dialog = document.createElement('dialog')
    const form = document.createElement('form')
    const label = document.createElement('p')
    const field = document.createElement('input')
    const copy = document.createElement('button')
    const close = document.createElement('button')
    form.method = 'dialog'
    label.textContent = 'In the folder of the audit file, or with its name at the end of the hivelog command:'
    field.value = text
    field.readOnly = true
    field.style.cssText = 'display:block;width:100%;margin:8px 0;padding:6px;font-family:monospace'
    copy.textContent = 'Copy'
    copy.type = 'button'
    close.textContent = 'Close'
    for (const button of [copy, close]) button.style.cssText = 'padding:4px 16px;margin-right:8px'
    copy.onclick = () => {
      field.select()
      // The second for pages that are not served from this machine or over https.
      if (navigator.clipboard) navigator.clipboard.writeText(text)
      else document.execCommand('copy')
      copy.textContent = 'Copied'
    }
    form.append(label, field, copy, close)
    dialog.append(form)
    dialog.style.cssText = 'width:min(900px,90vw);padding:16px;border:1px solid #888'
    dialog.onclose = () => dialog.remove()
    document.body.append(dialog)
    dialog.showModal()
    field.select()
  }

  // Jaeger may ask for its configuration more than once.
  if (!window.hivelogLinks) {
    window.hivelogLinks = true
    const onClick = (event) => {
      const link = event.target.closest('a[href*="#command=hivelog"]')
      if (link === null) return
      event.preventDefault()
      const { href } = link
      show(decodeURIComponent(href.slice(href.indexOf(LINK) + LINK.length)))
    }
    document.addEventListener('click', onClick, true)
  }

  return {
    // How far back a search can go: as long as jaeger.yaml keeps traces. Jaeger's own limit is two days.
    search: { maxLookback: { label: '7 Days', value: '7d' } },
    // First in the list of a span's tags: who it was, and how it ended.
    topTagPrefixes: ['error', 'gen_ai.agent.', 'hive.agent.', 'session.id'],
    linkPatterns: [
      // In the head of a trace: all its lines.
      { type: 'traces', ...command(['traceID'], (values) => ['cat', option('--trace', values.traceID)]) },
      // At an agent's id: the lines of, from and to that agent in this trace.
      {
        type: 'tags',
        key: 'gen_ai.agent.id',
        ...command([TRACE, 'gen_ai.agent.id'], (values) => [
          'cat',
          option('--trace', values[TRACE]),
          option('--agent', values['gen_ai.agent.id']),
        ]),
      },
      // At the id of an escalation or its approval: the case. At that of a message: what became of it.
      {
        type: 'logs',
        key: 'hive.id',
        ...command([TRACE, 'hive.id', 'event'], (values) =>
          ['hive.escalate', 'hive.approval'].includes(values.event)
            ? ['audit', option('--id', values['hive.id'])]
            : mentions(values[TRACE], [values['hive.id']]),
        ),
      },
      // At the ids of a drain: what became of the messages that it took, beginning with who sent them.
      {
        type: 'logs',
        key: 'hive.ids',
        ...command([TRACE, 'hive.ids'], (values) => mentions(values[TRACE], listed(values['hive.ids']))),
      },
    ],
  }
}
