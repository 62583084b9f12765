/** Milliseconds since 1970 with fractions, by the clock that all processes of this machine share. */
export const now = () => performance.timeOrigin + performance.now()
