/** The Gantt chart. Head, rows and overlay keep the same room for a scroll bar, so that times stand above each other. */
export const ganttStyles = `
.gantt-view { --labels: clamp(150px, 27%, 270px); display: grid; grid-template-rows: auto minmax(0, 1fr); height: 100%; min-height: 0; position: relative; }
.gantt-head { display: grid; grid-template: auto auto / var(--labels) minmax(0, 1fr); padding: 8px 16px 0 0; border-bottom: 1px solid var(--line); overflow: hidden; scrollbar-gutter: stable; scrollbar-width: thin; }
.gantt-tools { grid-area: 1 / 1 / 2 / 3; justify-self: start; display: flex; gap: 2px; padding: 0 8px 2px 12px; }
.gantt-tools button { padding: 1px 8px; font-size: 11.5px; border-color: transparent; background: none; }
.gantt-tools button:hover { background: var(--sunken); }
.gantt-tools button[aria-pressed='true'] { background: var(--accent-soft); color: var(--accent); }
.gantt-tools .gap { width: 1px; margin: 3px 8px; background: var(--line); }
.legend { grid-area: 1 / 2 / 2 / 3; justify-self: end; display: flex; gap: 14px; font-size: 11px; color: var(--ink-3); }
.legend > span { display: flex; align-items: center; gap: 6px; }
.swatch { width: 14px; height: 8px; border-radius: 2px; background: var(--tint-bar); }
.axis { grid-area: 2 / 2 / 3 / 3; position: relative; height: 34px; font: 10.5px var(--mono); color: var(--ink-3); }
.tick { position: absolute; bottom: 4px; padding-left: 5px; white-space: nowrap; }
.tick::before { content: ''; position: absolute; left: 0; bottom: -4px; height: 8px; border-left: 1px solid var(--line-2); }
.fold { position: absolute; top: 0; padding: 0 6px; border-radius: 99px; background: var(--wait-soft); color: var(--wait); font-size: 10px; white-space: nowrap; }
.gantt { position: relative; scrollbar-gutter: stable; }
.gantt .vlist-row { display: grid; grid-template-columns: var(--labels) minmax(0, 1fr); padding-right: 16px; border-bottom: 1px solid color-mix(in srgb, var(--line) 55%, transparent); }
.g-label { display: flex; align-items: center; gap: 6px; min-width: 0; padding: 0 10px 0 calc(10px + var(--depth) * 15px); }
.g-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; flex: 0 1 auto; }
.g-note { flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 11px; color: var(--ink-3); }
.g-note.bad { color: var(--bad); }
.g-pipeline .g-name { font-weight: 650; }
.g-stage .g-name { font-weight: 550; }
.g-step .g-name { color: var(--ink-2); }
.g-wait .g-name { color: var(--wait); font-style: italic; }
.g-track { position: relative; align-self: stretch; overflow: hidden; background: repeating-linear-gradient(90deg, color-mix(in srgb, var(--line) 60%, transparent) 0 1px, transparent 1px calc(100% / 7)); }
.gantt-overlay { position: absolute; inset: 34px 0 0; padding: 0 16px 0 var(--labels); pointer-events: none; overflow: hidden; scrollbar-gutter: stable; scrollbar-width: thin; }
.gantt-overlay > div { position: relative; height: 100%; }
.head-line { position: absolute; top: 0; bottom: 0; border-left: 1.5px solid var(--accent); opacity: 0.8; }
.bar { position: absolute; top: 6px; bottom: 6px; display: grid; align-items: center; min-width: 4px; border-radius: 4px; background: var(--tint-bar); overflow: hidden; transition: filter 0.1s; }
.bar:hover { filter: brightness(1.12); }
.bar-text { padding: 0 6px; font: 10px/1 var(--mono); color: #fff; text-shadow: 0 0 2px rgb(0 0 0 / 35%); white-space: nowrap; }
.b-running { --tint-bar: var(--run-bar); } .b-ok { --tint-bar: var(--ok-bar); } .b-failed { --tint-bar: var(--bad-bar); } .b-aborted { --tint-bar: var(--off-bar); }
.bar.b-retry { top: 11px; bottom: 11px; border-radius: 3px; }
.b-retry { background: repeating-linear-gradient(115deg, var(--wait-bar) 0 4px, transparent 4px 8px); opacity: 0.9; }
.b-retry .bar-text { display: none; }
.bar.b-wait, .swatch.b-wait { background: repeating-linear-gradient(115deg, var(--wait-soft) 0 6px, color-mix(in srgb, var(--wait-bar) 45%, var(--wait-soft)) 6px 12px); border: 1px solid var(--wait-bar); }
.b-wait .bar-text { color: var(--wait); text-shadow: none; font-weight: 600; }
.bar.open { border-top-right-radius: 0; border-bottom-right-radius: 0; mask: linear-gradient(90deg, #000 calc(100% - 18px), transparent); }
.g-pipeline .bar { top: 9px; bottom: 9px; border-radius: 3px; }
.g-pipeline .bar .bar-text { display: none; }
.g-stage .bar:not(.b-wait) { top: 4px; bottom: 4px; background: color-mix(in srgb, var(--tint-bar) 26%, var(--panel)); box-shadow: inset 0 0 0 1px color-mix(in srgb, var(--tint-bar) 65%, transparent); }
.g-stage .bar .bar-text { color: var(--ink-2); text-shadow: none; }
.gantt .vlist-row.future > * { opacity: 0.45; }
.gantt .vlist-row.now .g-name { color: var(--accent); }
@container inspector (max-width: 1020px) { .legend, .g-note { display: none; } }
`
