import { useEffect, useRef } from 'preact/hooks'
import { isHelpOpen, KEYS, VIEW_KEYS } from '../data/keys.js'

export function Help() {
  const box = useRef<HTMLDialogElement>(null)
  const isOpen = isHelpOpen.value
  useEffect(() => {
    if (isOpen) box.current?.showModal()
    else box.current?.close()
  }, [isOpen])
  const close = () => {
    isHelpOpen.value = false
  }
  return (
    <dialog ref={box} class="help" aria-label="Keys" onClose={close}>
      {isOpen && (
        <>
          <h2>Keys</h2>
          <div class="help-columns">
            <dl>
              {KEYS.map(({ keys, label, does }) => (
                <div key={does}>
                  <dt>
                    <kbd>{label ?? keys[0]}</kbd>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
            <dl>
              {VIEW_KEYS.map(([keys, does]) => (
                <div key={does}>
                  <dt>
                    <kbd>{keys}</kbd>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </div>
          <button type="button" class="primary" onClick={close}>
            Close
          </button>
        </>
      )}
    </dialog>
  )
}
