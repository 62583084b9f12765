/** Fields of any type as they are kept for long: see `format/bounded.ts`. */
export * from '../format/bounded.js'
