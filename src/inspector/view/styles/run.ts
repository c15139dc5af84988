/** One run: its head, tabs, the state beside the view, and the slider below. */
export const runStyles = `
.run-view { display: grid; grid-template: auto auto auto minmax(0, 1fr) auto / minmax(0, 1fr); min-width: 0; min-height: 0; background: var(--panel); }
.run-bar { position: relative; display: flex; align-items: flex-start; gap: 16px; padding: 14px 20px 10px; }
.run-head { min-width: 0; flex: 1; }
.run-title { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; }
.run-title h2, .run-head dd { min-width: 0; overflow-wrap: anywhere; }
.run-title h2 { font-size: 18px; font-weight: 650; letter-spacing: -0.015em; }
.run-id { color: var(--ink-3); font-size: 11.5px; }
.run-head dl { display: flex; flex-wrap: wrap; gap: 3px 18px; margin-top: 6px; font-size: 12px; }
.run-head dt { color: var(--ink-3); margin-right: -12px; }
.run-head dd { color: var(--ink-2); font-variant-numeric: tabular-nums; }
.commands { display: flex; gap: 6px; }
.command-form { position: absolute; z-index: 5; top: 46px; right: 20px; width: 320px; display: grid; gap: 8px; padding: 14px; border: 1px solid var(--line-2); border-radius: 12px; background: var(--panel); box-shadow: var(--shadow); }
.command-form textarea { font: 12px var(--mono); resize: vertical; }
.command-form .row { display: flex; gap: 8px; }
.tabs { grid-row: 3; display: flex; gap: 4px; padding: 0 16px; border-bottom: 1px solid var(--line); }
.tabs button { border: 0; border-radius: 0; background: none; padding: 8px 6px 9px; margin: 0 6px -1px; font-weight: 500; border-bottom: 2px solid transparent; }
.tabs button[aria-selected='true'] { color: var(--ink); border-color: var(--accent); }
.run-view > .notice { grid-row: 2; margin-bottom: 10px; }
.run-body { grid-row: 4; display: grid; grid-template-columns: minmax(0, 1fr) minmax(260px, 30%); min-height: 0; }
.run-panel { min-width: 0; min-height: 0; }
.state-panel { display: grid; grid-template-rows: auto auto auto auto auto minmax(0, 1fr); min-width: 0; min-height: 0; border-left: 1px solid var(--line); background: var(--raised); }
.state-panel h3 { padding: 11px 16px 4px; font-size: 11px; font-weight: 600; letter-spacing: 0.05em; text-transform: uppercase; color: var(--ink-3); }
.at-event { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 2px 10px; padding: 12px 16px 10px; border-bottom: 1px solid var(--line); min-height: 62px; }
.at-event .mono { font-size: 11.5px; }
.at-text { flex-basis: 100%; color: var(--ink-2); overflow: hidden; text-overflow: ellipsis; display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow-wrap: anywhere; }
.payload { border-bottom: 1px solid var(--line); }
.payload summary { padding: 6px 16px; cursor: pointer; font-size: 12px; color: var(--ink-2); user-select: none; }
.payload[open] .value-tree { height: 176px; }
.changes { max-height: 168px; overflow: auto; padding: 2px 16px 4px; font: 12px/1.6 var(--mono); scrollbar-width: thin; }
.changes .muted { font-family: var(--sans); }
.change { display: flex; flex-wrap: wrap; gap: 0 7px; overflow-wrap: anywhere; }
.change .sign { font-weight: 700; color: var(--accent); }
.change.added .sign { color: var(--add); } .change.removed .sign { color: var(--del); }
.change .vkey { flex: 0 1 auto; color: var(--ink); }
del { color: var(--del); opacity: 0.85; text-decoration-thickness: 1px; }
ins { color: var(--add); text-decoration: none; }

.slider { grid-row: 5; display: grid; gap: 7px; padding: 9px 20px 13px; border-top: 1px solid var(--line); background: var(--panel); }
.slider-tools { display: flex; align-items: center; gap: 4px; }
.slider-tools button { min-width: 30px; padding: 2px 7px; line-height: 20px; border-color: transparent; background: none; font-size: 14px; }
.slider-tools button:hover { background: var(--sunken); }
.slider-tools .play { font-size: 11px; background: var(--accent-soft); color: var(--accent); border-radius: 99px; min-width: 34px; }
.at { margin-left: auto; font: 12px var(--mono); color: var(--ink-2); font-variant-numeric: tabular-nums; white-space: pre; }
.slider-track { position: relative; height: 36px; }
.strip { position: absolute; inset: 2px 8px 8px; width: calc(100% - 16px); height: 26px; }
.range { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; appearance: none; background: none; cursor: pointer; }
.range:focus-visible { outline: none; }
.range::-webkit-slider-runnable-track { height: 36px; background: linear-gradient(var(--line-2), var(--line-2)) 0 calc(100% - 5px) / 100% 2px no-repeat; }
.range::-webkit-slider-thumb { appearance: none; width: 16px; height: 36px; border: 0; background:
  radial-gradient(circle at 50% calc(100% - 6px), var(--accent) 5.5px, transparent 6px),
  linear-gradient(var(--accent), var(--accent)) 50% 0 / 2px calc(100% - 6px) no-repeat; }
.range::-moz-range-track { height: 2px; background: var(--line-2); }
.range::-moz-range-thumb { width: 16px; height: 36px; border: 0; border-radius: 0; background:
  radial-gradient(circle at 50% calc(100% - 6px), var(--accent) 5.5px, transparent 6px),
  linear-gradient(var(--accent), var(--accent)) 50% 0 / 2px calc(100% - 6px) no-repeat; }
.range:focus-visible::-webkit-slider-thumb { filter: drop-shadow(0 0 3px var(--accent)); }
@container inspector (max-width: 1020px) {
  .run-body { grid-template-columns: minmax(0, 1fr); grid-template-rows: minmax(0, 1fr) 40%; }
  /* Too low to hold all of it: it scrolls, and the state keeps some lines. */
  .state-panel { grid-template-rows: repeat(5, max-content) minmax(150px, 1fr); overflow-y: auto; border-left: 0; border-top: 1px solid var(--line); scrollbar-width: thin; }
}
@container inspector (max-width: 760px) {
  .run-bar { flex-wrap: wrap; gap: 8px 16px; padding-inline: 14px; }
  .run-head { flex-basis: 280px; }
  .command-form { top: 100%; right: 14px; width: min(320px, calc(100% - 28px)); }
  .slider { grid-template-columns: minmax(0, 1fr); padding-inline: 12px; }
  .slider-tools { flex-wrap: wrap; gap: 0; }
  .slider-tools button { min-width: 26px; padding-inline: 4px; }
}
`
