// Child process: runs one section and sends its result. node section.mjs <name> <options as JSON>
const [name, options] = process.argv.slice(2)
const { default: section } = await import(`../sections/${name}.mjs`)
process.send(await section(JSON.parse(options)))
process.disconnect()
