/** The bundler takes style sheets in by their names. */
declare module '*.css' {}
