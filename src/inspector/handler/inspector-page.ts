import { answerText } from './answers.js'

/** Scripts of this server only, no markup from data, in nobody's frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Busline inspector</title>
    <link rel="icon" href="data:," />
    <script type="module" src="inspector.js"></script>
  </head>
  <body>
    <noscript>The inspector needs JavaScript.</noscript>
  </body>
</html>
`

/** The page that hosts the element; the script puts it there. It holds no data, so it needs no token. */
export function answerPage(): Response {
  return answerText(PAGE, 'text/html; charset=utf-8', { headers: { 'content-security-policy': POLICY } })
}

export function answerScript(script: string): Response {
  return answerText(script, 'text/javascript; charset=utf-8')
}
