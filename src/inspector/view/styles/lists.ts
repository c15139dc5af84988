/** Lists that are drawn as far as they are seen: runs, events, logs, values. */
export const listStyles = `
.vlist { position: relative; overflow: auto; min-height: 0; height: 100%; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--line-2) transparent; }
.vlist:focus-visible { outline-offset: -2px; }
.vlist-space { position: relative; min-width: 100%; }
.vlist-row { position: absolute; inset: 0 0 auto 0; display: flex; align-items: center; cursor: pointer; }
.vlist-row:hover { background: var(--raised); }
.vlist:focus-visible .vlist-row.active { box-shadow: inset 0 0 0 1.5px var(--accent); }
.vlist-empty { position: absolute; inset: 0; display: grid; place-content: center; padding: 24px; text-align: center; color: var(--ink-3); }

.run-list { display: grid; grid-template-rows: auto minmax(0, 1fr) auto; min-height: 0; background: var(--panel); border-right: 1px solid var(--line); }
.filters { display: grid; gap: 8px; padding: 12px; border-bottom: 1px solid var(--line); }
.count { padding: 6px 14px; font-size: 11.5px; color: var(--ink-3); border-top: 1px solid var(--line); font-variant-numeric: tabular-nums; }
.runs .vlist-row { gap: 11px; padding: 0 14px; border-bottom: 1px solid var(--line); }
.runs .vlist-row.chosen { background: var(--accent-soft); box-shadow: inset 3px 0 0 var(--accent); }
.dot { flex: none; width: 9px; height: 9px; border-radius: 50%; background: var(--tint-bar); }
.dot.s-recording { animation: pulse 1.6s ease-in-out infinite; }
@keyframes pulse { 50% { opacity: 0.35; } }
.run-main { min-width: 0; flex: 1; }
.run-top { display: flex; align-items: center; gap: 7px; }
.run-name { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.run-top .key { flex: 0 100 auto; min-width: 3em; }
.run-top .badge { margin-left: auto; flex: none; }
.run-sub { display: flex; gap: 10px; margin-top: 3px; font-size: 11.5px; color: var(--ink-3); white-space: nowrap; font-variant-numeric: tabular-nums; }

.event-list { display: grid; grid-template-rows: auto minmax(0, 1fr); height: 100%; min-height: 0; }
.list-head { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; padding: 10px 16px; border-bottom: 1px solid var(--line); }
.list-head .search { width: 200px; padding: 4px 10px; }
.list-head .count { margin-left: auto; padding: 0; border: 0; }
.events .vlist-row { gap: 12px; padding: 0 16px; font-size: 12.5px; white-space: nowrap; }
.events .vlist-row.future { opacity: 0.42; }
.events .vlist-row.chosen { background: var(--accent-soft); }
.seq, .time { flex: none; font: 11px var(--mono); color: var(--ink-3); font-variant-numeric: tabular-nums; }
.seq { width: 42px; text-align: right; }
.message { overflow: hidden; text-overflow: ellipsis; min-width: 0; }
.place { margin-left: auto; flex: none; max-width: 34%; overflow: hidden; text-overflow: ellipsis; font: 11px var(--mono); color: var(--ink-3); }
.data { overflow: hidden; text-overflow: ellipsis; min-width: 0; font: 11.5px var(--mono); color: var(--ink-3); }
.level { flex: none; width: 46px; text-align: center; border-radius: 5px; font-size: 11px; font-weight: 600; background: var(--tint-soft); color: var(--tint); }
.log-debug { --tint: var(--off); --tint-soft: var(--off-soft); --tint-bar: var(--off-bar); }
.log-info { --tint: var(--run); --tint-soft: var(--run-soft); --tint-bar: var(--run-bar); }
.log-warn { --tint: var(--wait); --tint-soft: var(--wait-soft); --tint-bar: var(--wait-bar); }
.log-error { --tint: var(--bad); --tint-soft: var(--bad-soft); --tint-bar: var(--bad-bar); }
.tone-log-debug { --tone-dot: var(--off-bar); } .tone-log-info { --tone-dot: var(--run-bar); }
.tone-log-warn { --tone-dot: var(--wait-bar); } .tone-log-error { --tone-dot: var(--bad-bar); }
.chip.tone-bad { --tone-dot: var(--bad-bar); } .chip.tone-state { --tone-dot: var(--accent); } .chip.tone-wait { --tone-dot: var(--wait-bar); }
.tone { flex: none; min-width: 148px; font: 500 12px var(--mono); color: var(--ink-2); }
.tone::before { content: ''; display: inline-block; width: 7px; height: 7px; border-radius: 2px; margin-right: 8px; background: var(--dot, var(--off-bar)); }
.tone-ok { --dot: var(--ok-bar); } .tone-bad { --dot: var(--bad-bar); color: var(--bad); } .tone-warn { --dot: var(--wait-bar); color: var(--wait); }
.tone-wait { --dot: var(--wait-bar); } .tone-state { --dot: var(--accent); color: var(--accent); } .tone-log { --dot: var(--run-bar); }

.value-tree { font: 12px/22px var(--mono); }
.value-tree .vlist-row { gap: 5px; padding: 0 8px 0 calc(6px + var(--depth) * 15px); white-space: pre; cursor: default; }
.value-tree .vlist-row.changed { background: var(--mark); }
.value-tree .vlist-empty { font-family: var(--sans); padding: 10px; }
.twist { flex: none; width: 13px; height: 13px; display: grid; place-content: center; cursor: pointer; }
.twist.open::before, .twist.shut::before { content: ''; border: solid transparent; border-width: 4px 0 4px 5.5px; border-left-color: var(--ink-3); transition: transform 0.12s; }
.twist.open::before { transform: rotate(90deg); }
.vkey { flex: 0 0 auto; max-width: 62%; overflow: hidden; text-overflow: ellipsis; color: var(--ink-2); }
.vkey::after { content: ':'; color: var(--ink-3); }
.vval { overflow: hidden; text-overflow: ellipsis; min-width: 0; color: var(--ink-3); }
.t-string { color: var(--str); } .t-number { color: var(--num); } .t-boolean { color: var(--bool); } .t-null { color: var(--ink-3); font-style: italic; }
`
