/** Small drawings, in the colour of the text around them. A name beside each says the same to a screen reader. */
const PATHS = {
  floor: 'M9 3h6v5H9zM3 16h6v5H3zM15 16h6v5h-6zM12 8v4M6 16v-4h12v4',
  feed: 'M4 6h16M4 12h16M4 18h10',
  lanes: 'M3 6h9M8 12h13M5 18h6M15 18h5',
  desk: 'M4 13h5l1 3h4l1-3h5M4 13l3-8h10l3 8v6H4z',
  cost: 'M12 3v18M16.5 7.5C15.5 6 14 5.5 12 5.5c-2.500 0-4.500 1.200-4.500 3.200 0 4.400 9.500 2.200 9.500 6.600 0 2-2 3.200-5 3.200-2.300 0-4-.800-5-2.500',
  calls: 'M4 12h12M12 7l5 5-5 5M20 4v16',
  waits: 'M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  checks: 'M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6zM8.500 12l2.500 2.500 4.500-5',
  compare: 'M5 4v16M19 4v16M9 8h6M9 12h6M9 16h6',
  agent: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 3.500-6.500 8-6.500s8 2.500 8 6.500',
  logs: 'M5 4h14v16H5zM9 8h6M9 12h6M9 16h3',
  play: 'M7 5l12 7-12 7z',
  pause: 'M8 5v14M16 5v14',
  back: 'M15 5l-8 7 8 7',
  on: 'M9 5l8 7-8 7',
  search: 'M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM20 20l-4.700-4.700',
  seal: 'M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6z',
  mail: 'M3 6h18v12H3zM3 7l9 6 9-6',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500 19 19M5 19l1.500-1.500M17.500 6.500 19 5',
  close: 'M6 6l12 12M18 6 6 18',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 3.500-6.500 8-6.500s8 2.500 8 6.500',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
