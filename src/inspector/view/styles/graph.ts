/** The graph of the path taken. */
export const graphStyles = `
.graph-view { position: relative; height: 100%; overflow: auto; scrollbar-width: thin; background-image: radial-gradient(var(--line) 1px, transparent 1px); background-size: 18px 18px; }
.graph { display: block; margin: 0 auto; padding: 6px; font: 12px var(--sans); }
.graph text { fill: var(--ink); }
.edge path { fill: none; stroke: var(--ink-3); stroke-width: 1.6; }
.edge.e-back path { stroke: var(--accent); stroke-dasharray: 5 4; }
.edge.e-skip path { stroke: var(--run); }
.edge text { font: 600 11px var(--mono); fill: var(--ink-2); paint-order: stroke; stroke: var(--panel); stroke-width: 4px; }
.edge.future { opacity: 0.28; }
.arrow { fill: var(--ink-3); }
.cap rect { fill: var(--sunken); stroke: var(--line-2); }
.cap text { font-size: 11.5px; fill: var(--ink-2); }
.node { cursor: pointer; }
.node:focus { outline: none; }
.node .box { fill: var(--panel); stroke: var(--line-2); stroke-width: 1.2; filter: drop-shadow(0 2px 5px rgb(20 24 40 / 8%)); transition: stroke 0.12s; }
.node:hover .box { stroke: var(--tint-bar); }
.node:focus-visible .box { stroke: var(--accent); stroke-width: 2.4; }
.node .stripe { fill: var(--tint-bar); }
.node .name { font-size: 14px; font-weight: 600; }
.node .facts { font-size: 11.5px; fill: var(--ink-3); }
.node .pill { fill: var(--accent-soft); }
.node .pill-text { font: 600 11px var(--mono); fill: var(--accent); }
.node .wait-pill { fill: var(--wait-soft); stroke: var(--wait-bar); }
.node .wait-text { font: 600 10.5px var(--mono); fill: var(--wait); }
.node.now .box { stroke: var(--accent); stroke-width: 2; fill: color-mix(in srgb, var(--accent-soft) 55%, var(--panel)); }
.node.future { opacity: 0.4; }
.node.s-failed .box { stroke: var(--bad-bar); }
.frame > rect { fill: color-mix(in srgb, var(--sunken) 80%, transparent); stroke: var(--line-2); stroke-dasharray: 4 3; }
.frame > text { font-weight: 600; fill: var(--ink-2); }
.tie { fill: none; stroke: var(--line-2); stroke-width: 1.6; stroke-dasharray: 2 3; }
`
