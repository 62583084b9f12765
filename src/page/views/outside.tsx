/** Who is no agent: the person that is asked, and names that get messages all the same. */
import type { Floor } from '../../serve/api/shapes.js'
import { show } from '../data/store.js'
import { Icon } from '../parts/icons.js'
import { Age, counted, grouped, Said } from '../parts/text.js'

const MAX_LISTED = 12

export function Outside({ floor: { pending, recipients } }: { floor: Floor }) {
  const oldest = pending[0]
  return (
    <div class="outside">
      <button
        type="button"
        class={pending.length > 0 ? 'you asked' : 'you'}
        data-recipient="human"
        onClick={() => show('desk')}
      >
        <Icon name="person" />
        {oldest === undefined ? (
          <span>Nobody waits for you</span>
        ) : (
          <span>
            {counted(pending.length, 'question')} for you
            <small>
              {' '}
              · the oldest <Age ts={oldest.ts} />
            </small>
          </span>
        )}
      </button>
      {recipients.slice(0, MAX_LISTED).map(({ name, waiting, estimated }) => (
        <span class="stranger" key={name} data-recipient={name}>
          <Said text={name} most={60} /> {estimated ? '≈' : ''}
          {grouped(waiting)} waiting
        </span>
      ))}
      {recipients.length > MAX_LISTED && (
        <span class="stranger">and {grouped(recipients.length - MAX_LISTED)} more</span>
      )}
    </div>
  )
}
