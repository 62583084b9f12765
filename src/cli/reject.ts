/** `hivelog reject` */
import { decidingCommand } from './deciding.js'

export const command = decidingCommand('reject')
