/**
 * The table of secret shapes that tell themselves by a prefix: what an issuer puts before its keys so that
 * scanners find them. Shapes that tell themselves by the place they stand in are in secret-places.ts and
 * secret-pairs.ts.
 */
import {
  ALNUM,
  BASE64,
  DASH,
  type Detector,
  DIGIT,
  DOT,
  HEX,
  isOf,
  LOWER,
  maskOf,
  runEnd,
  UNDERSCORE,
  UPPER,
  URL_SAFE,
  wordBegins,
} from './secret-chars.js'

const WORD = ALNUM | UNDERSCORE
const DOTTED = URL_SAFE | DOT
const JOINT = UNDERSCORE | DASH | DOT

interface Rules {
  /** Most characters after the prefix; a longer run is something else. */
  max?: number
  /** For prefixes that also begin ordinary words: there must be a digit. */
  digit?: boolean
  /** Not as the end of a longer name, after `-`, `_` or `.`. */
  alone?: boolean
  /** There must be a stretch of this many letters and digits, which names made of words do not have. */
  stretch?: number
}

/**
 * Name, prefixes (space between), classes of the characters after the prefix, how many at least, more rules.
 */
type Row = readonly [name: string, prefixes: string, body: number, min: number, rules?: Rules]

const SHAPES: readonly Row[] = [
  // Model providers
  ['anthropic-key', 'sk-ant-', URL_SAFE, 16],
  ['openrouter-key', 'sk-or-', URL_SAFE, 20],
  ['openai-key', 'sk-proj- sk-svcacct- sk-admin- sk-None-', URL_SAFE, 20],
  ['langfuse-key', 'sk-lf-', URL_SAFE, 20, { digit: true }],
  ['openai-key', 'sk-', ALNUM, 24],
  ['openai-key', 'sk-', ALNUM, 16, { digit: true }],
  ['api-key', 'sk-', URL_SAFE, 24, { digit: true, stretch: 16 }],
  ['api-key', 'sk_', ALNUM, 32, { digit: true, alone: true }],
  ['google-api-key', 'AIza', URL_SAFE, 30],
  ['google-oauth-token', 'ya29.', DOTTED, 20],
  ['google-oauth-token', '1//0', URL_SAFE, 30, { digit: true }],
  ['google-client-secret', 'GOCSPX-', URL_SAFE, 20],
  ['groq-key', 'gsk_', ALNUM, 20],
  ['xai-key', 'xai-', ALNUM, 20],
  ['perplexity-key', 'pplx-', ALNUM, 20],
  ['huggingface-token', 'hf_ api_org_', ALNUM, 20],
  ['replicate-token', 'r8_', ALNUM, 20],
  ['nvidia-key', 'nvapi-', URL_SAFE, 20, { digit: true }],
  ['together-key', 'tgp_v1_', URL_SAFE, 20],
  ['fireworks-key', 'fw_', ALNUM, 20, { digit: true, alone: true }],
  ['cerebras-key', 'csk-', ALNUM, 20, { digit: true }],
  ['tavily-key', 'tvly-', URL_SAFE, 20, { digit: true }],
  ['firecrawl-key', 'fc-', HEX, 32, { max: 32, alone: true }],
  ['jina-key', 'jina_', URL_SAFE, 32, { digit: true }],
  ['voyage-key', 'pa-', URL_SAFE, 40, { digit: true, alone: true, stretch: 16 }],
  ['pinecone-key', 'pcsk_', WORD, 30, { digit: true }],
  ['langsmith-key', 'lsv2_pt_ lsv2_sk_ ls__', WORD, 30],
  ['e2b-key', 'e2b_', HEX, 32],
  ['wandb-key', 'wandb_v1_', URL_SAFE, 30],
  // Clouds
  ['aws-access-key', 'AKIA ASIA ABIA ACCA', UPPER | DIGIT, 16, { max: 16 }],
  ['aws-bedrock-key', 'ABSK', ALNUM | BASE64, 60],
  ['alibaba-access-key', 'LTAI', ALNUM, 16, { max: 26, digit: true }],
  ['tencent-secret-id', 'AKID', ALNUM, 32, { max: 36, digit: true }],
  ['yandex-key', 'AQVN', URL_SAFE, 35, { digit: true }],
  ['digitalocean-token', 'dop_v1_ doo_v1_ dor_v1_', ALNUM, 20],
  ['heroku-key', 'HRKU-', URL_SAFE, 20, { digit: true }],
  ['fly-token', 'fm1_ fm2_ fm1r_ fm2r_ fo1_', ALNUM | UNDERSCORE | DASH | BASE64, 40],
  ['netlify-token', 'nfp_', ALNUM, 30],
  ['render-key', 'rnd_', ALNUM, 20, { digit: true, alone: true }],
  ['vercel-token', 'vercel_blob_rw_ vcp_ vck_ vci_ vca_ vcr_', WORD, 20, { digit: true }],
  ['supabase-key', 'sbp_ sb_secret_', WORD, 20, { digit: true }],
  ['planetscale-token', 'pscale_tkn_ pscale_pw_ pscale_oauth_', DOTTED, 20],
  ['neon-key', 'napi_', ALNUM, 40],
  ['cloudflare-key', 'v1.0-', HEX | DASH, 100],
  ['databricks-token', 'dapi', HEX, 32, { max: 32 }],
  // Code hosts and package registries
  ['github-token', 'ghp_ gho_ ghu_ ghs_ ghr_', ALNUM, 20],
  ['github-token', 'github_pat_', WORD, 20],
  [
    'gitlab-token',
    'glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- glsoat- gloas-',
    DOTTED,
    16,
  ],
  ['gitlab-token', 'glffct- GR1348941 _gitlab_session=', DOTTED, 16],
  ['npm-token', 'npm_', ALNUM, 30],
  ['pypi-token', 'pypi-', URL_SAFE, 40],
  ['rubygems-key', 'rubygems_', HEX, 32],
  ['nuget-key', 'oy2', LOWER | DIGIT, 43, { max: 43 }],
  ['clojars-token', 'CLOJARS_', ALNUM, 40],
  ['docker-token', 'dckr_pat_ dckr_oat_', URL_SAFE, 20],
  ['jfrog-key', 'AKCp', ALNUM, 65],
  ['sonar-token', 'sqp_ squ_ sqa_', HEX, 40],
  ['postman-key', 'PMAK-', HEX | DASH, 40],
  ['pulumi-token', 'pul-', HEX, 40, { max: 40, alone: true }],
  // Chat, mail, telephony
  [
    'slack-token',
    'xoxa- xoxb- xoxc- xoxd- xoxe- xoxe.xoxb- xoxe.xoxp- xoxp- xoxr- xoxs-',
    URL_SAFE,
    8,
    { digit: true },
  ],
  ['slack-token', 'xoxa- xoxb- xoxp- xoxr- xoxs-', URL_SAFE, 20],
  ['slack-token', 'xapp- xwfp-', URL_SAFE, 16, { digit: true }],
  ['sendgrid-key', 'SG.', DOTTED, 32, { stretch: 16 }],
  ['mailgun-key', 'key-', HEX, 32, { max: 32, alone: true }],
  ['brevo-key', 'xkeysib- xsmtpsib-', URL_SAFE, 40],
  ['twilio-key', 'SK', HEX, 32, { max: 32, alone: true }],
  // Payments and shops
  ['stripe-key', 'sk_live_ sk_test_ rk_live_ rk_test_ sk_org_live_ sk_org_test_', WORD, 10],
  ['stripe-webhook-secret', 'whsec_', ALNUM | BASE64, 20],
  ['square-token', 'sq0atp- sq0csp-', URL_SAFE, 20],
  ['shopify-token', 'shpat_ shpca_ shppa_ shpss_', ALNUM, 20],
  ['plaid-token', 'access-production- access-sandbox- access-development-', HEX | DASH, 36],
  ['shippo-token', 'shippo_live_ shippo_test_', HEX, 40],
  ['duffel-token', 'duffel_live_ duffel_test_', URL_SAFE, 40],
  // Work, docs, monitoring
  ['linear-key', 'lin_api_ lin_oauth_', ALNUM, 20],
  ['notion-token', 'ntn_', ALNUM, 30],
  ['notion-token', 'secret_', ALNUM, 40],
  ['notion-token', 'secret_', ALNUM, 32, { digit: true }],
  ['figma-token', 'figd_', URL_SAFE, 30],
  ['dropbox-token', 'sl.u. sl.', URL_SAFE, 100, { alone: true }],
  ['atlassian-token', 'ATATT3 ATCTT3 ATATT ATCTT', URL_SAFE | BASE64, 24],
  ['bitbucket-token', 'ATBB', ALNUM | BASE64, 28, { digit: true }],
  ['airtable-token', 'pat', ALNUM | DOT, 79, { max: 79, alone: true, stretch: 64 }],
  ['contentful-token', 'CFPAT-', URL_SAFE, 40],
  ['typeform-token', 'tfp_', DOTTED | BASE64, 40],
  ['hubspot-token', 'pat-na1- pat-na2- pat-eu1-', HEX | DASH, 36],
  ['sentry-token', 'sntrys_ sntryu_', ALNUM | UNDERSCORE | BASE64, 40],
  ['grafana-token', 'glsa_ glc_', ALNUM | UNDERSCORE | BASE64, 30, { digit: true }],
  ['newrelic-key', 'NRAK- NRII- NRIQ-', URL_SAFE, 20],
  ['posthog-key', 'phx_', ALNUM, 30],
  // Secret stores, networks, keys
  ['doppler-token', 'dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. dp.said.', DOTTED, 30],
  ['vault-token', 'hvs. hvb. hvr.', URL_SAFE, 20],
  ['onepassword-token', 'ops_eyJ', ALNUM | UNDERSCORE | BASE64, 100],
  ['tailscale-key', 'tskey-', URL_SAFE, 20],
  ['age-secret-key', 'AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1', UPPER | DIGIT, 40],
]

/** How far into a candidate a digit or a stretch is looked for. */
const LOOK = 128

function satisfies(text: string, from: number, to: number, rules: Rules): boolean {
  const end = Math.min(to, from + LOOK)
  let digit = rules.digit !== true
  let longest = 0
  let current = 0
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i)
    current = isOf(code, ALNUM) ? current + 1 : 0
    if (current > longest) longest = current
    if (isOf(code, DIGIT)) digit = true
  }
  return digit && longest >= (rules.stretch ?? 0)
}

function detector(row: Row): Detector {
  const [name, prefixes, body, min, rules = {}] = row
  const starts = prefixes.split(' ')
  const mask = maskOf(name)
  return {
    // Together, so that the order of the table decides which of them a key is.
    anchors: [...new Set(starts.map((prefix) => (prefix.startsWith('sk-') ? 'sk-' : prefix)))],
    find(text, at, floor) {
      if (!wordBegins(text, at, floor)) return undefined
      if (rules.alone === true && at > floor && isOf(text.charCodeAt(at - 1), JOINT)) return undefined
      for (const prefix of starts) {
        if (!text.startsWith(prefix, at)) continue
        const from = at + prefix.length
        // A first look of bounded length, so that prefixes that repeat within one run cost no more than the
        // text.
        const seen = runEnd(text, from, body, Math.min(text.length, from + LOOK))
        if (seen - from < min || !satisfies(text, from, seen, rules)) continue
        const run = runEnd(text, seen, body, rules.max === undefined ? text.length : from + rules.max)
        const end = (body & DOT) === 0 ? run : beforeDots(text, run)
        if (end - from < min) continue
        // A body of limited length that goes on is another thing: a hash, say.
        if (rules.max !== undefined && isOf(text.charCodeAt(end), WORD | body)) continue
        return { start: at, end, mask }
      }
      return undefined
    },
  }
}

/** A full stop after a token belongs to the sentence. */
function beforeDots(text: string, end: number): number {
  let i = end
  while (text[i - 1] === '.') i--
  return i
}

/** A detector for each row of the table, in its order. */
export const TOKEN_DETECTORS: readonly Detector[] = SHAPES.map(detector)
