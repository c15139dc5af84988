import { defineInspector } from 'busline/inspector'
import { busyDay } from './busy-day.js'
import { largeData } from './large-data.js'
import { oddData } from './odd-data.js'

/** A page with nothing but an inspector, over the data that `?data=` names. `document.title` is `ready` when it is there. */
const DATA = { 'busy-day': busyDay, large: largeData, odd: oddData }

const name = new URLSearchParams(location.search).get('data') ?? 'busy-day'
const source = await DATA[name as keyof typeof DATA]()
defineInspector()
const inspector = document.createElement('busline-inspector')
inspector.source = source
document.body.append(inspector)
document.title = 'ready'
