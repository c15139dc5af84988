const LIGHT = `
  --bg: #f4f5f8; --panel: #ffffff; --raised: #fafbfc; --sunken: #eff1f5;
  --ink: #171a21; --ink-2: #545c6b; --ink-3: #656d7d; --line: #e3e6ec; --line-2: #d2d7e0;
  --accent: #4f46e5; --accent-2: #6d66f0; --accent-soft: #eeedfd; --on-accent: #ffffff;
  --ok: #0e7040; --ok-soft: #dff5e8; --ok-bar: #35b277;
  --run: #1d54d0; --run-soft: #e2ecff; --run-bar: #5b93ff;
  --wait: #a25d06; --wait-soft: #fdf0d5; --wait-bar: #f0b544;
  --bad: #c8282d; --bad-soft: #fde5e5; --bad-bar: #ec5f5f;
  --off: #596170; --off-soft: #e9ebf0; --off-bar: #a9b0bf;
  --add: #0e7040; --del: #c8282d; --mark: #fff6d6;
  --str: #0b7a5c; --num: #a8480c; --bool: #7a32c9;
  --shadow: 0 1px 2px rgb(20 24 40 / 5%), 0 4px 16px rgb(20 24 40 / 5%);
`
const DARK = `
  --bg: #0c0e13; --panel: #14171f; --raised: #191d27; --sunken: #0f1219;
  --ink: #e9ebf2; --ink-2: #a3abbb; --ink-3: #8890a2; --line: #232835; --line-2: #323949;
  --accent: #8f88ff; --accent-2: #a8a3ff; --accent-soft: #232343; --on-accent: #10111c;
  --ok: #5fd39a; --ok-soft: #12301f; --ok-bar: #2f9d67;
  --run: #82adff; --run-soft: #16264a; --run-bar: #3f78e6;
  --wait: #f0bf5d; --wait-soft: #35280d; --wait-bar: #c08a27;
  --bad: #ff8585; --bad-soft: #3b171a; --bad-bar: #d04a4e;
  --off: #a3abbb; --off-soft: #262b37; --off-bar: #5a6375;
  --add: #5fd39a; --del: #ff8585; --mark: #33301a;
  --str: #6fd6b0; --num: #ffb27d; --bool: #c8a2ff;
  --shadow: 0 1px 2px rgb(0 0 0 / 40%), 0 6px 20px rgb(0 0 0 / 25%);
`

/** Colours, light and dark, and what all parts share. */
export const themeStyles = `
:host {
  ${LIGHT}
  --tone-plain: var(--off-bar); --tone-start: var(--off-bar); --tone-ok: var(--ok-bar); --tone-bad: var(--bad-bar);
  --tone-warn: var(--wait-bar); --tone-wait: var(--wait-bar); --tone-state: var(--accent); --tone-log: var(--run-bar);
  --sans: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif;
  --mono: ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  display: block; box-sizing: border-box; height: 640px; min-height: 0; overflow: hidden; contain: content;
  container: inspector / inline-size;
  color-scheme: light; color: var(--ink); background: var(--bg); font: 13px/1.45 var(--sans);
}
@media (prefers-color-scheme: dark) { :host(:not([theme='light'])) { ${DARK} color-scheme: dark; } }
:host([theme='dark']) { ${DARK} color-scheme: dark; }
:host([hidden]) { display: none; }
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, h3, p, dl, dd { margin: 0; font: inherit; }
.mono, code { font-family: var(--mono); font-size: 0.92em; }
.muted { color: var(--ink-3); }
.bad { color: var(--bad); }
button, select, input, textarea { font: inherit; color: inherit; }
button {
  border: 1px solid var(--line); border-radius: 7px; background: var(--panel); color: var(--ink-2);
  padding: 4px 10px; cursor: pointer; transition: background 0.12s, color 0.12s, border-color 0.12s;
}
button:hover { color: var(--ink); border-color: var(--line-2); background: var(--raised); }
button:disabled { opacity: 0.45; cursor: default; }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.link { padding: 0; border: 0; background: none; color: var(--accent); }
button.link:hover { background: none; text-decoration: underline; }
button.danger { color: var(--bad); }
button.danger:hover { background: var(--bad-soft); border-color: var(--bad); }
select, input[type='search'], textarea {
  border: 1px solid var(--line); border-radius: 8px; background: var(--panel); padding: 6px 10px; width: 100%; min-width: 0;
}
input::placeholder, textarea::placeholder { color: var(--ink-3); opacity: 1; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -1px; }
.badge {
  display: inline-flex; align-items: center; padding: 1px 8px; border-radius: 99px; font-size: 11px; font-weight: 600;
  letter-spacing: 0.01em; white-space: nowrap; background: var(--tint-soft); color: var(--tint);
}
.s-complete, .s-ok, .o-started { --tint: var(--ok); --tint-soft: var(--ok-soft); --tint-bar: var(--ok-bar); }
.s-recording, .s-running, .o-signalled, .o-replaced { --tint: var(--run); --tint-soft: var(--run-soft); --tint-bar: var(--run-bar); }
.s-paused, .s-waiting, .o-queued, .o-delayed { --tint: var(--wait); --tint-soft: var(--wait-soft); --tint-bar: var(--wait-bar); }
.s-failed, .o-dropped, .o-rejected, .o-invalid { --tint: var(--bad); --tint-soft: var(--bad-soft); --tint-bar: var(--bad-bar); }
.s-aborted, .o-duplicate, .o-superseded { --tint: var(--off); --tint-soft: var(--off-soft); --tint-bar: var(--off-bar); }
.chips { display: flex; flex-wrap: wrap; gap: 5px; }
.chip { border-radius: 99px; padding: 1px 9px; font-size: 11.5px; border-color: var(--line); background: transparent; }
.chip::before { content: ''; display: inline-block; width: 6px; height: 6px; border-radius: 50%; margin-right: 5px; vertical-align: 1px; background: var(--tint-bar, var(--tone-dot, var(--off-bar))); }
.chip[aria-pressed='true'] { background: var(--tint-soft, var(--accent-soft)); color: var(--tint, var(--accent)); border-color: currentColor; }
.key { font-size: 11px; padding: 0 7px; border-radius: 5px; background: var(--sunken); color: var(--ink-2); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; max-width: 14em; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
`
