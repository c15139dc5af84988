import { defineConfig } from 'vitepress'

const page = (text, link) => ({ text, link })

/** Links that lead out of `docs/`: to the repository on its own, to the parts of the site that are built beside it. */
const LEADS_OUT = [
  /performance\/index/,
  /\.\.\/(README|CHANGELOG)/,
  /\.\.\/examples/,
  /\/simulator\//,
  /\/reference\//,
  /^\.?\/?\.\./,
]

export default defineConfig({
  title: 'Busline',
  description:
    'An event-bus workflow runtime for TypeScript: the same workflow runs in a tab and on a server.',
  cleanUrls: false,
  lastUpdated: false,
  // The reports of the interface are for reviews of a change; the site has the reference.
  srcExclude: ['node_modules/**', 'dist/**', 'api/**'],
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }]],
  outDir: 'dist/site',
  cacheDir: 'dist/cache',
  // A page named README is the page of its folder.
  rewrites: { ':folder/README.md': ':folder/index.md' },
  ignoreDeadLinks: LEADS_OUT,
  markdown: { theme: { light: 'github-light', dark: 'github-dark' } },
  themeConfig: {
    logo: '/favicon.svg',
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      page('Start', '/start-node'),
      page('Guides', '/pipelines'),
      page('Recipes', '/recipes/'),
      { text: 'Mode simulator', link: '/simulator/index.html', target: '_self' },
      { text: 'API', link: '/reference/index.html', target: '_self' },
    ],
    sidebar: [
      { text: 'Start', items: [page('Node', '/start-node'), page('Browser', '/start-browser')] },
      {
        text: 'Concepts',
        items: [
          page('Events and the bus', '/events'),
          page('Pipelines', '/pipelines'),
          page('The runtime', '/runtime'),
          page('Execution modes', '/modes'),
          page('Waiting', '/waiting'),
          page('Services', '/services'),
        ],
      },
      {
        text: 'Guides',
        items: [
          page('Durability', '/durability'),
          page('Storage', '/storage'),
          page('Timelines', '/timelines'),
          page('Inspector', '/inspector'),
          page('Command line', '/cli'),
          page('Steps that run elsewhere', '/executors'),
          page('Execution plans', '/plans'),
          page('Workers and runners', '/workers'),
          page('Load testing', '/load-testing'),
          page('Remote workers', '/remote'),
        ],
      },
      {
        text: 'Recipes',
        items: [
          page('Order approval', '/recipes/order-approval'),
          page('Upload while offline', '/recipes/upload-offline'),
          page('Search as you type', '/recipes/search-as-you-type'),
          page('Nightly job', '/recipes/nightly-job'),
          page('Saga', '/recipes/saga'),
          page('Across a tab and a server', '/recipes/tab-and-server'),
        ],
      },
      {
        text: 'Reference',
        items: [
          page('Errors', '/errors'),
          page('Performance', '/performance'),
          page('Comparison', '/comparison'),
          page('Migration notes', '/migrating'),
          page('Architecture', '/architecture'),
          page('Decisions', '/decisions/'),
        ],
      },
    ],
  },
})
