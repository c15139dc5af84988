import { defineInspector } from '../busline-inspector.js'
import { httpSource } from '../http-source.js'

/**
 * The page that `inspectorHandler` serves: one inspector over all of it. The token stands in the fragment, which no
 * browser sends, and is taken out of the address at once; it is kept for as long as the tab is open.
 */
const STORED_TOKEN = 'busline-inspector-token'

function readToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given === null) return sessionStorage.getItem(STORED_TOKEN) ?? undefined
  sessionStorage.setItem(STORED_TOKEN, given)
  history.replaceState(null, '', location.pathname + location.search)
  return given
}

const styles = new CSSStyleSheet()
styles.replaceSync(
  'html, body { margin: 0; height: 100% } busline-inspector { display: block; height: 100% }',
)
document.adoptedStyleSheets = [styles]

defineInspector()
const inspector = document.createElement('busline-inspector')
const token = readToken()
inspector.source = httpSource(new URL('.', location.href), token === undefined ? {} : { token })
const query = new URLSearchParams(location.search)
inspector.run = query.get('run') ?? undefined
inspector.addEventListener('runchange', () => {
  const address =
    inspector.run === undefined ? location.pathname : `?run=${encodeURIComponent(inspector.run)}`
  history.replaceState(null, '', address)
})
document.body.replaceChildren(inspector)
