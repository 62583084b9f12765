/** What happened of late is found as by looking through all that is remembered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { distance, Happening, Recent, type Told } from '../../src/record/told-once.js'

interface Deed extends Told {
  what: string
}

const MOST = 5

test('the nearest that its source has not told is found, of the last ones', () => {
  const deed = fc.record({
    source: fc.constantFrom('http', 'span', 'adapter'),
    startTs: fc.option(fc.nat(40), { nil: undefined }),
    length: fc.nat(30),
    what: fc.constantFrom('a', 'b'),
  })
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 40 }), (deeds) => {
      const recent = new Recent<Deed>(MOST)
      let kept: { told: Deed; sources: string[]; happening: Happening<Deed> }[] = []
      for (const { source, startTs, length, what } of deeds) {
        const told: Deed = { source, startTs, endTs: (startTs ?? 20) + length, what }
        let best: (typeof kept)[number] | undefined
        for (const each of [...kept].reverse()) {
          if (each.sources.includes(source) || each.told.what !== what) continue
          const apart = distance(each.told, told)
          const least = best === undefined ? undefined : distance(best.told, told)
          if (apart !== undefined && (least === undefined || apart < least)) best = each
        }
        const found = recent.nearest(told, (other) => other.what === what)
        assert.equal(found, best?.happening)
        if (best === undefined) {
          const happening = new Happening(told)
          recent.add(happening)
          if (kept.length >= MOST * 2) kept = kept.slice(MOST)
          kept.push({ told, sources: [source], happening })
        } else {
          best.happening.tellBy(source)
          best.sources.push(source)
        }
      }
    }),
  )
})
