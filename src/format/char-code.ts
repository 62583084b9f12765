/**
 * `text.charCodeAt(at)` for loops over every character of any text; `at` must be within it.
 *
 * V8 has a hidden class for each way in which it keeps a text: whole, put together, cut out, internalized, one byte a
 * character or two. A loop that has met five of them looks `charCodeAt` up anew for each character, which takes longer
 * than all else in it. Here nothing is looked up. One index beyond the end, and V8 makes a call of it for good.
 */
export const codeAt: (text: string, at: number) => number = (() => {
  // A constant within a function is one to V8 as well, unlike one of a bundle's.
  const { charCodeAt } = String.prototype
  return (text: string, at: number) => charCodeAt.call(text, at)
})()
