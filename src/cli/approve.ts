/** `hivelog approve` */
import { decidingCommand } from './deciding.js'

export const command = decidingCommand('approve')
