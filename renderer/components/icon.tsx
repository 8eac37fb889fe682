// Small line drawings, 20 pixels square, in the colour of the text. They never stand alone: a text or name goes with them.
const paths = {
  connection: 'M10 2.5 16.5 5v5c0 4-2.8 6.5-6.5 7.5C6.3 16.5 3.5 14 3.5 10V5zM7.2 10l2 2 3.6-4',
  filter: 'M3 5h14M5.5 10h9M8 15h4',
  associations:
    'M8.5 11.5a3.2 3.2 0 0 0 4.6 0l2.6-2.6a3.2 3.2 0 0 0-4.6-4.6L10 5.4M11.5 8.5a3.2 3.2 0 0 0-4.6 0l-2.6 2.6a3.2 3.2 0 0 0 4.6 4.6L10 14.6',
  profiles: 'M4 3.5h8.5L16 7v9.5H4zM12 3.5V7.5h4M7 10.5h6M7 13.5h4',
  keys: 'M9.6 10.4l6.9-6.9M13 7l2.5 2.5M10.5 13a4 4 0 1 1-8 0a4 4 0 1 1 8 0',
  diagnostics: 'M2.5 10.5h3.5l2-5 4 9.5 2-4.5h3.5',
  settings: 'M3 6h7M14 6h3M3 14h3M10 14h7M12 4v4M8 12v4',
  up: 'M10 15.5v-11M5.5 9 10 4.5 14.5 9',
  down: 'M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5',
  remove: 'M5 5l10 10M15 5 5 15',
  add: 'M10 4v12M4 10h12',
  edit: 'M4 16l.8-3.6L13 4.2l2.8 2.8-8.2 8.2z',
  refresh: 'M15.5 8A6 6 0 1 0 16 11.5M16 4v4h-4',
  received: 'M10 3.5v9M6 9l4 4 4-4M4 16.5h12',
  sent: 'M10 13V4M6 7.5l4-4 4 4M4 16.5h12',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
