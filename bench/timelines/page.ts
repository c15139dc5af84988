import { measure } from './measure.js'

const options = JSON.parse(decodeURIComponent(location.search.slice(1))) as Parameters<typeof measure>[0]
await fetch('/', { method: 'POST', body: JSON.stringify(await measure(options)) })
