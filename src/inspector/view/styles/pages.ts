/** Receipts, queues and workers. */
export const pageStyles = `
.page { display: grid; min-height: 0; padding: 22px 26px 0; gap: 0; max-width: 1180px; width: 100%; margin: 0 auto; }
.page h2 { font-size: 19px; font-weight: 650; letter-spacing: -0.015em; }
.page > p { margin: 3px 0 14px; }
.page .notice { margin: 0 0 12px; }
.receipts-view { grid-template-rows: auto auto auto auto auto minmax(0, 1fr); }
.receipts-view .notice { grid-row: 3; } .receipts-view .chips { grid-row: 4; } .receipts-view .list-head { grid-row: 5; } .receipts-view .vlist { grid-row: 6; }
.outcomes .chip { padding: 3px 11px; font-size: 12px; }
.outcomes .chip.none { opacity: 0.5; }
.receipts-view .list-head { padding: 12px 0; border: 0; }
.receipts-view select { width: 200px; padding: 4px 8px; }
.receipts { background: var(--panel); border: 1px solid var(--line); border-bottom: 0; border-radius: 12px 12px 0 0; }
.receipts .vlist-row { gap: 14px; padding: 0 18px; border-bottom: 1px solid var(--line); }
.outcome { flex: none; width: 86px; text-align: center; padding: 2px 0; border-radius: 6px; font-size: 11.5px; font-weight: 600; background: var(--tint-soft); color: var(--tint); }
.receipt-main { min-width: 0; flex: 1; }
.receipt-top { display: flex; align-items: baseline; gap: 9px; white-space: nowrap; overflow: hidden; }
.receipt-top > * { flex: none; min-width: 0; max-width: 45%; overflow: hidden; text-overflow: ellipsis; }
.receipt-top > b { flex: 0 1 auto; min-width: 3em; max-width: none; }
.reason { color: var(--ink-2); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.run-link { flex: none; border: 0; background: none; padding: 1px 6px; color: var(--accent); white-space: nowrap; }
.queues-view { grid-template-rows: auto auto auto minmax(0, 1fr); }
.queues-view .notice { grid-row: 3; }
.cards { grid-row: 4; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); gap: 16px; align-content: start; align-items: start; overflow: auto; padding: 2px 2px 24px; }
.card { padding: 16px 18px; border: 1px solid var(--line); border-radius: 14px; background: var(--panel); box-shadow: var(--shadow); }
.card header { display: flex; align-items: baseline; gap: 9px; }
.card h3 { min-width: 0; font-size: 15px; font-weight: 650; overflow-wrap: anywhere; }
.card .key { flex: none; margin-left: auto; }
.figures { display: flex; gap: 26px; margin: 10px 0 6px; }
.figure b { display: block; font-size: 25px; font-weight: 600; line-height: 1.15; letter-spacing: -0.02em; color: var(--tint, var(--ink)); font-variant-numeric: tabular-nums; }
.figure span { font-size: 11.5px; color: var(--ink-3); }
.triggers { font-size: 11.5px; font-family: var(--mono); overflow-wrap: anywhere; }
.lanes { margin-top: 12px; border-top: 1px solid var(--line); padding-top: 8px; }
.lane { display: grid; grid-template-columns: minmax(80px, 1fr) minmax(0, 1.4fr) 110px; align-items: center; gap: 10px; min-height: 26px; font-size: 12px; }
.lane-key { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 500; }
.lane-runs { display: flex; flex-wrap: wrap; align-items: center; }
.lane-runs .run-link { font-size: 11.5px; }
.lane-queue { position: relative; height: 18px; border-radius: 5px; background: var(--sunken); overflow: hidden; font-size: 10.5px; line-height: 18px; }
.lane-queue i { position: absolute; inset: 0 auto 0 0; background: color-mix(in srgb, var(--wait-bar) 55%, transparent); }
.lane-queue span { position: relative; padding-left: 7px; }
.workers-view { grid-template-rows: auto auto auto auto minmax(0, 1fr); }
.workers-view .notice { grid-row: 3; } .workers-view .figures { grid-row: 4; flex-wrap: wrap; margin: 0 0 16px; }
.workers { grid-row: 5; overflow: auto; padding-bottom: 24px; }
.workers table { width: 100%; border-collapse: collapse; background: var(--panel); border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
.workers th, .workers td { text-align: left; padding: 7px 12px; border-bottom: 1px solid var(--line); white-space: nowrap; }
.workers th { font-size: 11.5px; font-weight: 500; color: var(--ink-3); }
.workers .lane-queue { width: 110px; }
.workers .lane-queue i { background: color-mix(in srgb, var(--tint-bar) 55%, transparent); }
.w-available { --tint: var(--ok); --tint-soft: var(--ok-soft); --tint-bar: var(--ok-bar); }
.w-busy { --tint: var(--wait); --tint-soft: var(--wait-soft); --tint-bar: var(--wait-bar); }
.w-draining { --tint: var(--off); --tint-soft: var(--off-soft); --tint-bar: var(--off-bar); }
.w-unhealthy { --tint: var(--bad); --tint-soft: var(--bad-soft); --tint-bar: var(--bad-bar); }
@container inspector (max-width: 760px) { .page { padding: 14px 12px 0; } .receipts .time, .receipt-top .mono { display: none; } .receipt-top > * { flex-shrink: 1; } }
`
