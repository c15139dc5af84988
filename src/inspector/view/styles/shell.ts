/** The frame: the bar at the top, the list of runs at the left, what was chosen beside it. */
export const shellStyles = `
.shell { display: grid; grid-template: auto auto minmax(0, 1fr) / minmax(0, 1fr); height: 100%; }
.top { display: flex; align-items: center; gap: 18px; height: 48px; padding: 0 16px; background: var(--panel); border-bottom: 1px solid var(--line); }
.brand { display: flex; align-items: center; gap: 9px; font-size: 14.5px; letter-spacing: -0.01em; }
.mark { width: 18px; height: 18px; border-radius: 5px; background:
  linear-gradient(90deg, transparent 3px, var(--panel) 3px, var(--panel) 9px, transparent 9px) 0 4px / 100% 2px no-repeat,
  linear-gradient(90deg, transparent 6px, var(--panel) 6px, var(--panel) 14px, transparent 14px) 0 8px / 100% 2px no-repeat,
  linear-gradient(90deg, transparent 9px, var(--panel) 9px, var(--panel) 15px, transparent 15px) 0 12px / 100% 2px no-repeat,
  linear-gradient(135deg, var(--accent-2), var(--accent)); }
.mark.big { width: 54px; height: 54px; border-radius: 15px; background-size: auto; opacity: 0.85;
  background: linear-gradient(90deg, transparent 9px, var(--bg) 9px, var(--bg) 27px, transparent 27px) 0 13px / 100% 5px no-repeat,
  linear-gradient(90deg, transparent 18px, var(--bg) 18px, var(--bg) 40px, transparent 40px) 0 25px / 100% 5px no-repeat,
  linear-gradient(90deg, transparent 27px, var(--bg) 27px, var(--bg) 45px, transparent 45px) 0 37px / 100% 5px no-repeat,
  linear-gradient(135deg, var(--accent-2), var(--accent)); }
.pages { display: flex; gap: 2px; padding: 3px; border-radius: 9px; background: var(--sunken); }
.pages button { border: 0; background: none; padding: 3px 13px; border-radius: 7px; font-weight: 500; }
.pages button[aria-selected='true'] { background: var(--panel); color: var(--ink); box-shadow: 0 1px 2px rgb(20 24 40 / 12%); }
.back { display: none; }
.live { flex: none; margin-left: auto; display: flex; align-items: center; gap: 7px; font-size: 12px; color: var(--ink-3); }
.live::before { content: ''; width: 7px; height: 7px; border-radius: 50%; background: var(--off-bar); }
.live.on::before { background: var(--ok-bar); box-shadow: 0 0 0 3px color-mix(in srgb, var(--ok-bar) 22%, transparent); }
.live.off { color: var(--bad); }
.live.off::before { background: var(--bad-bar); }
.banner, .notice { padding: 8px 16px; background: var(--bad-soft); color: var(--bad); font-weight: 500; overflow-wrap: anywhere; }
.notice { margin: 12px 20px 0; border-radius: 8px; }
.body { grid-row: 3; display: grid; min-height: 0; }
.body.p-runs { grid-template-columns: 316px minmax(0, 1fr); }
.detail { min-width: 0; min-height: 0; display: grid; }
.welcome { place-self: center; display: grid; justify-items: center; gap: 16px; color: var(--ink-3); font-size: 14px; }
@container inspector (max-width: 760px) {
  .top { gap: 10px; padding: 0 10px; }
  .brand strong { display: none; }
  .body.p-runs { grid-template-columns: minmax(0, 1fr); }
  .shell:not(.has-run) .detail { display: none; }
  .shell.has-run .run-list { display: none; }
  .shell.has-run .back { display: block; flex: none; padding-inline: 9px; white-space: nowrap; }
  .pages { min-width: 0; overflow-x: auto; scrollbar-width: none; }
  .pages button { padding-inline: 9px; }
}
`
