/**
 * Forty shapes of secrets, as their providers write them, filled by chance that is the same each time. They are made
 * here and not written out, so that nobody takes them for real ones.
 */

const ALPHABETS = {
  h: '0123456789abcdef',
  n: '0123456789abcdefghijklmnopqrstuvwxyz',
  U: '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  w: '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  d: '0123456789',
}

const SHAPES = {
  Anthropic: 'sk-ant-api03-<93w>AA',
  'Anthropic, admin': 'sk-ant-admin01-<86w>AA',
  OpenAI: 'sk-<20w>T3BlbkFJ<20w>',
  'OpenAI, project': 'sk-proj-<74w>T3BlbkFJ<74w>',
  OpenRouter: 'sk-or-v1-<64h>',
  Google: 'AIzaSy<33w>',
  'Google, OAuth': 'ya29.a0<60w>',
  Groq: 'gsk_<52w>',
  xAI: 'xai-<80w>',
  Perplexity: 'pplx-<48w>',
  'Hugging Face': 'hf_<34w>',
  Replicate: 'r8_<37w>',
  NVIDIA: 'nvapi-<64w>',
  LangSmith: 'lsv2_pt_<32h>_<10h>',
  Tavily: 'tvly-dev-<32w>',
  'GitHub, personal': 'ghp_<36w>',
  'GitHub, OAuth': 'gho_<36w>',
  'GitHub, server': 'ghs_<36w>',
  'GitHub, fine-grained': 'github_pat_<22w>_<59w>',
  GitLab: 'glpat-<20w>',
  npm: 'npm_<36w>',
  PyPI: 'pypi-AgEIcHlwaS5vcmc<60w>',
  'AWS, key id': 'AKIA<16U>',
  'Slack, bot': 'xoxb-<12d>-<12d>-<24w>',
  'Slack, webhook': 'https://hooks.slack.com/services/T<8U>/B<8U>/<24w>',
  'Stripe, live': 'sk_live_<24w>',
  'Stripe, restricted': 'rk_live_<24w>',
  SendGrid: 'SG.<22w>.<43w>',
  Twilio: 'SK<32h>',
  Mailgun: 'key-<32h>',
  DigitalOcean: 'dop_v1_<64h>',
  Databricks: 'dapi<32h>',
  Doppler: 'dp.pt.<43w>',
  Shopify: 'shpat_<32h>',
  Telegram: '<10d>:AA<33w>',
  Linear: 'lin_api_<40w>',
  Notion: 'ntn_<46w>',
  'a JSON web token': 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIi<40w>.<43w>',
  'a URL with a password': 'postgres://keeper:<24w>@db.example.com/hive',
  'a private key': '-----BEGIN PRIVATE KEY-----\n<64w>\n<64w>\n-----END PRIVATE KEY-----',
}

/** A row of numbers that looks like chance. */
function numbers(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Each with what nobody may find of it: the filling, long enough to be no accident. */
export const secrets = Object.entries(SHAPES).map(([name, shape], i) => {
  const next = numbers(7_919 * (i + 1))
  const fillings = []
  const text = shape.replace(/<(\d+)([hnUwd])>/g, (_, length, kind) => {
    const alphabet = ALPHABETS[kind]
    const filling = Array.from({ length: Number(length) }, () => alphabet[next(alphabet.length)]).join('')
    fillings.push(filling)
    return filling
  })
  const longest = fillings.reduce((a, b) => (b.length > a.length ? b : a))
  return { name, text, filling: longest }
})

/** Texts that may be nowhere. */
export const fillings = secrets.map(({ filling }) => filling)
