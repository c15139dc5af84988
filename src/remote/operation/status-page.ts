/** The page that `statusHandler` serves: one file, no dependency, text from workers only ever set as text. */
export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Workers</title>
<style>
  :root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif }
  body { margin: 0 auto; max-width: 72rem; padding: 1rem }
  h1 { font-size: 1.2rem; margin: 0 0 .5rem }
  dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0 0 1rem }
  dt { opacity: .7; font-size: .85em } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; white-space: nowrap }
  td { font-variant-numeric: tabular-nums } th { font-weight: 600; opacity: .7 }
  .bar { width: 8rem; height: .7rem; background: #8883; border-radius: .35rem; overflow: hidden }
  .bar i { display: block; height: 100%; background: #3b82f6 }
  .available { color: #15803d } .busy { color: #b45309 } .draining { color: #6d28d9 } .unhealthy { color: #dc2626 }
  #problem { color: #dc2626 } .scroll { overflow-x: auto }
</style>
<h1>Workers <small id="state"></small></h1>
<p id="problem" role="alert"></p>
<dl id="figures"></dl>
<div class="scroll"><table>
  <thead><tr><th>Worker<th>Status<th>Load<th>Requests<th>Completed<th>Heartbeat<th>Connected<th>Zone<th>Can do</tr></thead>
  <tbody id="workers"></tbody>
</table></div>
<script type="module">
const base = %BASE%
const token = new URLSearchParams(location.hash.slice(1)).get('token')
const headers = token ? { authorization: 'Bearer ' + token } : {}
const by = (id) => document.getElementById(id)
const span = (ms) => ms < 1000 ? '0 s' : ms < 60000 ? Math.floor(ms / 1000) + ' s'
  : ms < 3600000 ? Math.floor(ms / 60000) + ' min' : Math.floor(ms / 3600000) + ' h'
const cell = (text, name) => {
  const td = document.createElement('td')
  td.textContent = text
  if (name) td.className = name
  return td
}
let last
function show(status) {
  by('state').textContent = status.state
  const done = status.counters.requestsCompleted + status.counters.requestsFailed
  const rate = last ? Math.max(0, (done - last.done) / Math.max(.001, (status.at - last.at) / 1000)) : 0
  last = { done, at: status.at }
  const queued = status.work.reduce((sum, each) => sum + each.queued, 0)
  const figures = { 'Workers': status.workers.length, 'In hand': status.activeRequests, 'Waiting': queued,
    'Requests / s': rate.toFixed(1), 'Completed': status.counters.requestsCompleted,
    'Failed': status.counters.requestsFailed, 'Lost': status.counters.requestsLost,
    'Heartbeats': status.counters.heartbeats, 'Malformed': status.counters.malformedMessages,
    'Up': span(status.uptimeMs) }
  by('figures').replaceChildren(...Object.entries(figures).map(([name, value]) => {
    const box = document.createElement('div')
    const dt = document.createElement('dt')
    const dd = document.createElement('dd')
    dt.textContent = name
    dd.textContent = value
    box.append(dt, dd)
    return box
  }))
  by('workers').replaceChildren(...status.workers.map((worker) => {
    const row = document.createElement('tr')
    const load = document.createElement('td')
    const bar = document.createElement('div')
    const fill = document.createElement('i')
    bar.className = 'bar'
    fill.style.width = Math.min(100, worker.slots > 0 ? 100 * worker.activeRequests / worker.slots : 100) + '%'
    bar.append(fill)
    load.append(bar)
    row.append(cell(worker.name === worker.id ? worker.id : worker.name + ' (' + worker.id + ')'),
      cell(worker.status, worker.status), load, cell(worker.activeRequests + ' of ' + worker.slots),
      cell(worker.completedRequests), cell(span(worker.silentMs) + ' ago'), cell(span(worker.connectedMs)),
      cell(worker.zone ?? ''), cell([...worker.models, ...worker.tasks].join(', ')))
    return row
  }))
}
async function look() {
  try {
    const response = await fetch(base + '/status.json', { headers })
    if (!response.ok) throw new Error(response.status + ' ' + await response.text())
    show(await response.json())
    by('problem').textContent = ''
  } catch (error) {
    by('problem').textContent = error.message
  }
  setTimeout(look, 1000)
}
look()
</script>
`
