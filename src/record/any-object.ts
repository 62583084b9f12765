/**
 * What is known of an object of somebody else's, kept on it where nobody else sees it: a class that extends `AnyObject`
 * adds its private fields to the object that it is given, if that is extensible. A `WeakMap` does the same for twenty
 * times as much, and the collector has to see to each entry of it.
 */
function Given(object: object): object {
  return object
}

/** A constructor that makes nothing. */
export const AnyObject = Given as unknown as new (object: object) => object
