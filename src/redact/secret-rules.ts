/**
 * The table of secret shapes: data, no code. A rule says what it is, where its shape is documented, how it is told,
 * how one looks and what looks alike and is none. To add one, add it here; the tests walk the table and make keys
 * from `like`. How shapes are found is in secrets.ts, what names and headers of any vendor say in secret-keys.ts and
 * secret-headers.ts.
 *
 * Where two rules fit at one place, the first counts.
 */
import { ALNUM, BASE64, DASH, DIGIT, DOT, HEX, LOWER, UNDERSCORE, UPPER, URL_SAFE } from './secret-chars.js'

const WORD = ALNUM | UNDERSCORE
const DOTTED = URL_SAFE | DOT

/** A secret that begins with what its issuer puts there, so that scanners find it. */
export interface PrefixShape {
  /** Space between. */
  prefixes: string
  /** Classes of the characters after the prefix. */
  body: number
  /** How many of them at least. */
  min: number
  /** Most characters after the prefix; a longer run is something else. */
  max?: number
  /** For prefixes that also begin ordinary words: there must be a digit. */
  digit?: boolean
  /** Not as the end of a longer name, after `-`, `_` or `.`. */
  alone?: boolean
  /** There must be a stretch of this many letters and digits, which names made of words do not have. */
  stretch?: number
}

/** A secret that is told by how it is built, or by what stands around it. */
export interface PatternShape {
  /** One of these stands in every one. */
  anchors: readonly string[]
  /** How many characters before the anchor the pattern begins. */
  back?: number
  /** The character so far behind the beginning of the anchor is a letter or digit: a glance that spares the pattern. */
  probe?: number
  /** Sticky, and bounded in all its repetitions. Its group `keep` stays as it is. */
  pattern: RegExp
}

/** A word of an HTTP `Authorization` value after which a token stands, also without the header. */
export interface SchemeShape {
  /** Lower-case, space between. */
  schemes: string
}

/** A name whose value is the secret. */
export interface NameShape {
  /** Lower-case ends of names, without separators, space between. Values must look like a machine's. */
  names: string
  /** The name stands for other things too, so that a field of this name is not replaced whole. */
  loose?: boolean
}

export type Shape = PrefixShape | PatternShape | SchemeShape | NameShape

export interface Rule {
  /** Names the mask: `[redacted:<id>]`. */
  id: string
  what: string
  /** Where the shape is documented. */
  doc: string
  shapes: readonly Shape[]
  /**
   * How it looks: `<20w>` stands for 20 characters of the class `w`, and is what nobody may see. Classes: `d` digits,
   * `h` hex, `l` lower-case letters, `n` those and digits, `U` upper-case letters and digits, `w` letters and digits,
   * `u` base64url, `b` base64, `c` letters, digits, `.` and `/`.
   */
  like: readonly string[]
  /** Texts that look alike, and must stay; written in the same way. */
  unlike: readonly string[]
}

const HEX_DASH = [...'0123456789abcdef'].map((digit) => `${digit}-`)
const DIGIT_DASH = HEX_DASH.slice(0, 10)
const DIGIT_BAR = [...'0123456789'].map((digit) => `${digit}|`)
const AZURE_KEYS = 'https://github.com/microsoft/security-utilities'

export const RULES: readonly Rule[] = [
  // Model providers
  {
    id: 'anthropic-key',
    what: 'Anthropic API key',
    doc: 'https://platform.claude.com/docs/en/get-api-key',
    shapes: [{ prefixes: 'sk-ant-', body: URL_SAFE, min: 16 }],
    like: ['sk-ant-api03-<93u>AA', 'sk-ant-admin01-<80u>'],
    unlike: ['sk-ant-short'],
  },
  {
    id: 'openrouter-key',
    what: 'OpenRouter API key',
    doc: 'https://openrouter.ai/docs/guides/overview/auth/api-keys',
    shapes: [{ prefixes: 'sk-or-', body: URL_SAFE, min: 20 }],
    like: ['sk-or-v1-<64h>'],
    unlike: ['sk-or-not'],
  },
  {
    id: 'langfuse-key',
    what: 'Langfuse secret key',
    doc: 'https://langfuse.com/docs/api-and-data-platform/features/public-api',
    shapes: [{ prefixes: 'sk-lf-', body: URL_SAFE, min: 20, digit: true }],
    like: ['sk-lf-<8h>-1234-4abc-8def-<12h>'],
    unlike: ['sk-lf-of-the-loop-that-runs'],
  },
  {
    id: 'openai-key',
    what: 'OpenAI API key, and those of services that copied its form (DeepSeek and others)',
    doc: 'https://platform.openai.com/docs/api-reference/authentication',
    shapes: [
      { prefixes: 'sk-proj- sk-svcacct- sk-admin- sk-None-', body: URL_SAFE, min: 20 },
      { prefixes: 'sk-', body: ALNUM, min: 24 },
      { prefixes: 'sk-', body: ALNUM, min: 16, digit: true },
    ],
    like: ['sk-<48w>', 'sk-proj-<74u>T3BlbkFJ<74u>', 'sk-svcacct-<60u>', 'sk-<32h>'],
    unlike: ['sk-learn-pipeline-for-text-classification', 'sk-fading-circle', 'desk-<24h>'],
  },
  {
    id: 'api-key',
    what: 'A key of any service that begins as those of OpenAI (LiteLLM, Stability and others) or `sk_` (ElevenLabs)',
    doc: 'https://docs.litellm.ai/docs/proxy/virtual_keys',
    shapes: [
      { prefixes: 'sk-', body: URL_SAFE, min: 24, digit: true, stretch: 16 },
      { prefixes: 'sk_', body: ALNUM, min: 32, digit: true, alone: true },
    ],
    like: ['sk-live-<24w>', 'sk_<48h>'],
    unlike: ['sk_buff_alloc_is_a_function_of_linux'],
  },
  {
    id: 'google-api-key',
    what: 'Google API key (Gemini, Maps, Firebase)',
    doc: 'https://cloud.google.com/docs/authentication/api-keys',
    shapes: [{ prefixes: 'AIza', body: URL_SAFE, min: 30 }],
    like: ['AIzaSy<33u>'],
    unlike: ['AIza is how they begin', 'AIzaSyShort'],
  },
  {
    id: 'google-auth-key',
    what: 'Google authorization key, which takes the place of API keys (Gemini)',
    doc: 'https://ai.google.dev/gemini-api/docs/api-key',
    shapes: [{ prefixes: 'AQ.', body: URL_SAFE, min: 40, digit: true }],
    like: ['AQ.Ab8<47u>', 'AQ.Ab8<20w>_<10w>-<15w>'],
    unlike: ['AQ. is how they begin', 'AQ.ReadTheFrequentlyAskedQuestionsOfTheGreatHouse', 'FAQ.md'],
  },
  {
    id: 'google-oauth-token',
    what: 'Google OAuth access and refresh token',
    doc: 'https://developers.google.com/identity/protocols/oauth2',
    shapes: [
      { prefixes: 'ya29.', body: DOTTED, min: 20 },
      { prefixes: '1//0', body: URL_SAFE, min: 30, digit: true },
    ],
    like: ['ya29.a0<60u>', '1//0<60u>'],
    unlike: ['ya29.short', '1//0 is odd'],
  },
  {
    id: 'google-client-secret',
    what: 'Google OAuth client secret',
    doc: 'https://developers.google.com/identity/protocols/oauth2/native-app',
    shapes: [{ prefixes: 'GOCSPX-', body: URL_SAFE, min: 20 }],
    like: ['GOCSPX-<28u>'],
    unlike: ['GOCSPX-short'],
  },
  {
    id: 'groq-key',
    what: 'Groq API key',
    doc: 'https://console.groq.com/docs/quickstart',
    shapes: [{ prefixes: 'gsk_', body: ALNUM, min: 20 }],
    like: ['gsk_<52w>'],
    unlike: ['gsk_renderer_new'],
  },
  {
    id: 'xai-key',
    what: 'xAI API key',
    doc: 'https://docs.x.ai/developers/quickstart',
    shapes: [{ prefixes: 'xai-', body: WORD, min: 20, digit: true }],
    like: ['xai-<80w>', 'xai-<10w>_<69w>'],
    unlike: ['xai-grok-models'],
  },
  {
    id: 'perplexity-key',
    what: 'Perplexity API key',
    doc: 'https://docs.perplexity.ai/docs/admin/api-key-management',
    shapes: [{ prefixes: 'pplx-', body: ALNUM, min: 20 }],
    like: ['pplx-<48w>'],
    unlike: ['pplx-api-docs'],
  },
  {
    id: 'huggingface-token',
    what: 'Hugging Face user access token',
    doc: 'https://huggingface.co/docs/hub/security-tokens',
    shapes: [{ prefixes: 'hf_ api_org_', body: ALNUM, min: 20 }],
    like: ['hf_<34w>', 'api_org_<34w>'],
    unlike: ['hf_transfer', 'hf_hub_download'],
  },
  {
    id: 'replicate-token',
    what: 'Replicate API token',
    doc: 'https://replicate.com/docs/topics/security/api-tokens',
    shapes: [
      { prefixes: 'r8_', body: URL_SAFE, min: 37, digit: true },
      { prefixes: 'r8_', body: ALNUM, min: 20 },
    ],
    like: ['r8_<37w>', 'r8_<10w>-<26w>'],
    unlike: ['r8_unorm'],
  },
  {
    id: 'nvidia-key',
    what: 'NVIDIA API key',
    doc: 'https://docs.nvidia.com/nemo/retriever/latest/extraction/api-keys/index.html',
    shapes: [{ prefixes: 'nvapi-', body: URL_SAFE, min: 20, digit: true }],
    like: ['nvapi-<64u>'],
    unlike: ['nvapi-reference-guide-of-the-driver'],
  },
  {
    id: 'together-key',
    what: 'Together AI API key',
    doc: 'https://docs.together.ai/docs/api-keys-authentication',
    shapes: [{ prefixes: 'tgp_v1_', body: URL_SAFE, min: 20 }],
    like: ['tgp_v1_<43u>'],
    unlike: ['tgp_v1_short'],
  },
  {
    id: 'fireworks-key',
    what: 'Fireworks AI API key',
    doc: 'https://docs.fireworks.ai/api-reference/introduction',
    shapes: [{ prefixes: 'fw_', body: ALNUM, min: 20, digit: true, alone: true }],
    like: ['fw_<22w>'],
    unlike: ['fw_printenv', 'fw_setenvironmentvariable'],
  },
  {
    id: 'cerebras-key',
    what: 'Cerebras API key',
    doc: 'https://inference-docs.cerebras.ai/api-reference/authentication',
    shapes: [{ prefixes: 'csk-', body: ALNUM, min: 20, digit: true }],
    like: ['csk-<48n>'],
    unlike: ['csk-files'],
  },
  {
    id: 'tavily-key',
    what: 'Tavily API key',
    doc: 'https://docs.tavily.com/documentation/quickstart',
    shapes: [{ prefixes: 'tvly-', body: URL_SAFE, min: 20, digit: true }],
    like: ['tvly-dev-<32w>', 'tvly-<32w>'],
    unlike: ['tvly-dev-your-key-goes-here-please'],
  },
  {
    id: 'firecrawl-key',
    what: 'Firecrawl API key',
    doc: 'https://docs.firecrawl.dev/api-reference',
    shapes: [{ prefixes: 'fc-', body: HEX, min: 32, max: 32, alone: true }],
    like: ['fc-<32h>'],
    unlike: ['fc-<40h>', 'fc-cache'],
  },
  {
    id: 'jina-key',
    what: 'Jina AI API key',
    doc: 'https://jina.ai/reader/',
    shapes: [{ prefixes: 'jina_', body: URL_SAFE, min: 32, digit: true }],
    like: ['jina_<60u>'],
    unlike: ['jina_embeddings_v3'],
  },
  {
    id: 'voyage-key',
    what: 'Voyage AI API key, and model key of MongoDB Atlas',
    doc: 'https://docs.voyageai.com/docs/api-key-and-installation',
    shapes: [{ prefixes: 'pa- al-', body: URL_SAFE, min: 40, digit: true, alone: true, stretch: 16 }],
    like: ['pa-<20w>-<22u>', 'al-<20w>-<22u>'],
    unlike: [
      'al-system-2-of-the-hall-on-the-second-floor-left',
      'pa-system-2-of-the-hall-on-the-second-floor-left',
    ],
  },
  {
    id: 'pinecone-key',
    what: 'Pinecone API key',
    doc: 'https://docs.pinecone.io/guides/projects/manage-api-keys',
    shapes: [{ prefixes: 'pcsk_', body: WORD, min: 30, digit: true }],
    like: ['pcsk_<6w>_<63w>'],
    unlike: ['pcsk_short'],
  },
  {
    id: 'langsmith-key',
    what: 'LangSmith API key',
    doc: 'https://docs.langchain.com/langsmith/create-account-api-key',
    shapes: [{ prefixes: 'lsv2_pt_ lsv2_sk_ ls__', body: WORD, min: 30 }],
    like: ['lsv2_pt_<32h>_<10h>', 'ls__<32h>'],
    unlike: ['lsv2_pt_short'],
  },
  {
    id: 'e2b-key',
    what: 'E2B API key',
    doc: 'https://e2b.dev/docs/api-key',
    shapes: [{ prefixes: 'e2b_', body: HEX, min: 32 }],
    like: ['e2b_<40h>'],
    unlike: ['e2b_sandbox_template'],
  },
  {
    id: 'wandb-key',
    what: 'Weights & Biases API key',
    doc: 'https://docs.wandb.ai/support/models/articles/why-does-my-api-key-fail-with-must-be-40-characters',
    shapes: [{ prefixes: 'wandb_v1_', body: URL_SAFE, min: 30 }],
    like: ['wandb_v1_<70u>'],
    unlike: ['wandb_v1_run'],
  },
  {
    id: 'cohere-key',
    what: 'Keys of model providers without a shape of their own (Cohere, Mistral, ElevenLabs, AssemblyAI, Deepgram), by name',
    doc: 'https://docs.cohere.com/docs/rate-limits',
    shapes: [{ names: 'coherekey mistralkey elevenlabskey xiapikey assemblyaikey deepgramkey' }],
    like: ['COHERE_KEY=<40w>', 'MISTRAL_KEY=<32w>'],
    unlike: ['COHERE_KEY=$COHERE_KEY'],
  },
  // Clouds
  {
    id: 'aws-secret-key',
    what: 'AWS secret access key, beside its access key id',
    doc: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html',
    shapes: [
      {
        anchors: ['AKIA', 'ASIA'],
        pattern:
          /(?<keep>(?<![A-Z0-9])A[KS]IA[A-Z0-9]{16}["'\\]{0,4}[\s,:;|/&]{1,8}(?:and |secret[ :=]{1,3})?["'\\]{0,4})[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/y,
      },
      {
        anchors: ['AKIA', 'ASIA'],
        back: 41,
        pattern: /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?=[\s,:;|]A[KS]IA[A-Z0-9]{16})/y,
      },
    ],
    like: [
      'AKIA<16U>:<40b>',
      'AKIA<16U>,<40b>',
      '"AKIA<16U>", "<40b>"',
      'AKIA<16U> <40b>',
      '<40b>,ASIA<16U>',
    ],
    unlike: ['commit <40h> of main'],
  },
  {
    id: 'aws-access-key',
    what: 'AWS access key id',
    doc: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html',
    shapes: [{ prefixes: 'AKIA ASIA ABIA ACCA', body: UPPER | DIGIT, min: 16, max: 16 }],
    like: ['AKIA<16U>', 'ASIA<16U>'],
    unlike: ['AKIA', 'AIDA<16U>'],
  },
  {
    id: 'aws-session-token',
    what: 'AWS session token: base64 of one of a few beginnings',
    doc: 'https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html',
    shapes: [
      { prefixes: 'IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz AgoJb3JpZ2lu', body: ALNUM | BASE64, min: 60 },
    ],
    like: ['IQoJb3JpZ2luX2Vj<300b>', 'FwoGZXIvYXdzE<250b>='],
    unlike: ['IQoJb3JpZ2lu'],
  },
  {
    id: 'aws-bedrock-key',
    what: 'Amazon Bedrock API key',
    doc: 'https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html',
    shapes: [{ prefixes: 'ABSK bedrock-api-key-', body: ALNUM | BASE64, min: 60 }],
    like: ['ABSK<120b>', 'bedrock-api-key-<200b>'],
    unlike: ['bedrock-api-key-rotation'],
  },
  {
    id: 'azure-key',
    what: 'Azure key with the common signature: Azure OpenAI and AI services, DevOps personal access tokens, Web PubSub',
    doc: 'https://learn.microsoft.com/en-us/purview/sit-defn-azure-devops-personal-access-token',
    shapes: [
      {
        anchors: ['JQQJ9'],
        back: 52,
        pattern: /(?<![A-Za-z0-9])[A-Za-z0-9]{52}JQQJ9[A-Za-z0-9]{27}(?![A-Za-z0-9])/y,
      },
      {
        anchors: ['AZDO'],
        back: 76,
        pattern: /(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])/y,
      },
    ],
    like: ['<52w>JQQJ99BDACAAAAAAAAAAAAASAZDO<4w>', '<52w>JQQJ99BDACHYHv6XJ3w3AAABACOG<4w>', '<76w>AZDO<4w>'],
    unlike: ['JQQJ99', 'AZDO is short for it'],
  },
  {
    id: 'azure-devops-token',
    what: 'Azure DevOps personal access token of the older form, or any, by name',
    doc: 'https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate',
    shapes: [
      {
        names:
          'devopspat devopsextpat adopat azurepat vststoken vstspat systemaccesstoken githubpat gitlabpat',
      },
    ],
    like: ['AZURE_DEVOPS_EXT_PAT=<52n>', 'ADO_PAT: <52n>'],
    unlike: ['AZURE_DEVOPS_EXT_PAT=$(pat)'],
  },
  {
    id: 'azure-storage-key',
    what: 'Azure account key with its service written in: storage, Cosmos DB, Batch, Functions, Search, Event Hubs, Redis',
    doc: AZURE_KEYS,
    shapes: [
      {
        anchors: ['+ASt', 'ACDb', '+ABa', 'APIM'],
        back: 76,
        pattern: /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{76}(?:\+ASt|ACDb|\+ABa|APIM)[A-Za-z0-9+/]{5}[AQgw]==/y,
      },
      { anchors: ['AzFu'], back: 44, pattern: /(?<![\w-])[\w-]{44}AzFu[\w-]{5}[AQgw]==/y },
      {
        anchors: ['AzSe', '+ACR'],
        back: 42,
        pattern: /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42}(?:AzSe|\+ACR)[A-Za-z0-9]{6}(?!\w)/y,
      },
      {
        anchors: ['+AEh', '+ASb', '+ARm', 'AIoT', 'AzCa'],
        back: 33,
        pattern: /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{33}(?:\+AEh|\+ASb|\+ARm|AIoT|AzCa)[A-Za-z0-9+/]{6}=/y,
      },
    ],
    like: ['<76b>+ASt<5b>A==', '<76b>ACDb<5b>Q==', '<44w>AzFu<5w>g==', '<42w>AzSeA<5w>', '<33b>+AEhA<5b>='],
    unlike: ['sha512-<86b>==', 'ACDb and AzSe'],
  },
  {
    id: 'azure-client-secret',
    what: 'Microsoft Entra client secret',
    doc: 'https://learn.microsoft.com/en-us/purview/sit-defn-azure-ad-client-secret',
    shapes: [{ anchors: ['Q~'], back: 4, pattern: /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~-])/y }],
    like: ['<3w>8Q~<34w>'],
    unlike: ['a8Q~ is short'],
  },
  {
    id: 'azure-account-key',
    what: 'Azure account key by its name in a connection string (Cosmos DB, storage, Service Bus)',
    doc: 'https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string',
    shapes: [
      {
        names:
          'accountkey sharedaccesskey sharedsecretkey cosmoskey cosmosdbkey azurekey cognitivekey speechkey',
      },
    ],
    like: [
      'AccountEndpoint=https://hive.documents.azure.com:443/;AccountKey=<86b>==;',
      'SharedAccessKeyName=Root;SharedAccessKey=<43b>=',
    ],
    unlike: ['AccountKey=<key>;'],
  },
  {
    id: 'alibaba-access-key',
    what: 'Alibaba Cloud access key id',
    doc: 'https://www.alibabacloud.com/help/en/ram/obtain-an-accesskey-pair-1',
    shapes: [{ prefixes: 'LTAI', body: ALNUM, min: 16, max: 26, digit: true }],
    like: ['LTAI<20w>'],
    unlike: ['LTAI5t'],
  },
  {
    id: 'tencent-secret-id',
    what: 'Tencent Cloud secret id',
    doc: 'https://www.tencentcloud.com/document/product/598/52594',
    shapes: [{ prefixes: 'AKID', body: ALNUM, min: 32, max: 36, digit: true }],
    like: ['AKID<32w>'],
    unlike: ['AKIDs'],
  },
  {
    id: 'yandex-key',
    what: 'Yandex Cloud API key, static key and IAM token',
    doc: 'https://yandex.cloud/en/docs/iam/concepts/authorization/api-key',
    shapes: [
      { prefixes: 'YC', body: URL_SAFE, min: 38, max: 38, digit: true, alone: true, stretch: 12 },
      { prefixes: 'AQVN', body: URL_SAFE, min: 35, digit: true },
      { prefixes: 't1.', body: DOTTED | BASE64, min: 100, digit: true, alone: true },
    ],
    like: ['AQVN<36u>', 't1.9euel<120u>.<86u>', 'YC<38w>', 'YC<12w>_<12w>-<12w>'],
    unlike: ['YC<23w>', 'YC<60w>', 't1.micro', 'AQVN'],
  },
  {
    id: 'digitalocean-token',
    what: 'DigitalOcean token',
    doc: 'https://docs.digitalocean.com/reference/api/create-personal-access-token/',
    shapes: [{ prefixes: 'dop_v1_ doo_v1_ dor_v1_', body: ALNUM, min: 20 }],
    like: ['dop_v1_<64h>'],
    unlike: ['dop_v1_short'],
  },
  {
    id: 'heroku-key',
    what: 'Heroku API key',
    doc: 'https://devcenter.heroku.com/articles/oauth',
    shapes: [{ prefixes: 'HRKU-', body: URL_SAFE, min: 20, digit: true }],
    like: ['HRKU-AA<58u>', 'HRKU-<8h>-1234-4abc-8def-<12h>'],
    unlike: ['HRKU-short'],
  },
  {
    id: 'fly-token',
    what: 'Fly.io token',
    doc: 'https://fly.io/docs/security/tokens/',
    shapes: [{ prefixes: 'fm1_ fm2_ fm1a_ fm1r_ fm2r_ fo1_', body: URL_SAFE | BASE64, min: 40 }],
    like: ['fm2_<100b>', 'fo1_<43u>', 'fm1a_<100b>', 'fm1r_<100b>'],
    unlike: ['fm2_radio'],
  },
  {
    id: 'netlify-token',
    what: 'Netlify token',
    doc: 'https://answers.netlify.com/t/change-to-the-netlify-authentication-token-format/106146',
    shapes: [{ prefixes: 'nfp_ nfc_ nfo_ nfu_ nfb_', body: WORD, min: 30, digit: true, stretch: 12 }],
    like: ['nfp_<36w>', 'nfp_<20w>_<15w>', 'nfc_<36w>', 'nfo_<36w>', 'nfu_<36w>', 'nfb_<36w>'],
    unlike: ['nfc_digital_in_send_sensf_req_of_type_2_now', 'nfp_short'],
  },
  {
    id: 'render-key',
    what: 'Render API key',
    doc: 'https://render.com/docs/api',
    shapes: [{ prefixes: 'rnd_', body: ALNUM, min: 20, digit: true, alone: true }],
    like: ['rnd_<28w>'],
    unlike: ['rnd_seed', 'rnd_generatorinitialization'],
  },
  {
    id: 'vercel-token',
    what: 'Vercel token',
    doc: 'https://vercel.com/changelog/new-token-formats-and-secret-scanning',
    shapes: [{ prefixes: 'vercel_blob_rw_ vcp_ vck_ vci_ vca_ vcr_', body: WORD, min: 20, digit: true }],
    like: ['vercel_blob_rw_<16w>_<30w>', 'vcp_<56w>'],
    unlike: ['vercel_blob_rw_token_of_the_store'],
  },
  {
    id: 'supabase-key',
    what: 'Supabase token and secret key',
    doc: 'https://supabase.com/docs/guides/api/api-keys',
    shapes: [{ prefixes: 'sbp_ sb_secret_', body: URL_SAFE, min: 20, digit: true }],
    like: ['sbp_<40h>', 'sb_secret_<31w>', 'sb_secret_<10w>-<11w>_<8w>'],
    unlike: ['sb_publishable_<31w>'],
  },
  {
    id: 'planetscale-token',
    what: 'PlanetScale token and password',
    doc: 'https://planetscale.com/docs/concepts/service-tokens',
    shapes: [{ prefixes: 'pscale_tkn_ pscale_pw_ pscale_oauth_', body: DOTTED, min: 20 }],
    like: ['pscale_tkn_<43u>', 'pscale_pw_<43u>'],
    unlike: ['pscale_tkn_id'],
  },
  {
    id: 'neon-key',
    what: 'Neon API key and password',
    doc: 'https://neon.com/docs/manage/api-keys',
    shapes: [
      { prefixes: 'napi_', body: ALNUM, min: 40 },
      { prefixes: 'npg_', body: ALNUM, min: 10, digit: true, alone: true },
    ],
    like: ['napi_<64n>', 'npg_<12w>'],
    unlike: ['napi_create_function', 'npg_connection'],
  },
  {
    id: 'cloudflare-key',
    what: 'Cloudflare key and token',
    doc: 'https://developers.cloudflare.com/fundamentals/api/get-started/token-formats',
    shapes: [
      { prefixes: 'cfk_ cfut_ cfat_ cfast_', body: WORD, min: 40 },
      { prefixes: 'cfoat_', body: DOTTED, min: 40, digit: true },
      { prefixes: 'v1.0-', body: HEX | DASH, min: 100 },
      { names: 'cloudflarekey cloudflareapikey cfapikey' },
    ],
    like: [
      'cfut_<40w><8h>',
      'cfat_<48w>',
      'cfk_<48w>',
      'v1.0-<24h>-<146h>',
      'cfoat_<43u>.<43u>',
      'cfast_<40w><8h>',
    ],
    unlike: ['cfat_short', 'v1.0-rc.1'],
  },
  {
    id: 'databricks-token',
    what: 'Databricks personal access token, and OAuth secret of a service principal',
    doc: 'https://docs.databricks.com/aws/en/dev-tools/auth/pat',
    shapes: [{ prefixes: 'dapi dose', body: HEX, min: 32, max: 32 }],
    like: ['dapi<32h>', 'dose<32h>'],
    unlike: ['dose<40h>', 'dapi<40h>', 'dapibus'],
  },
  {
    id: 'ibm-key',
    what: 'IBM Cloud, Oracle, Linode, Vultr, Hetzner and Scaleway keys, by name',
    doc: 'https://cloud.ibm.com/docs/account?topic=account-userapikey',
    shapes: [{ names: 'ibmcloudkey vultrkey scwsecretkey linodekey' }],
    like: ['SCW_SECRET_KEY=<8h>-1234-4abc-8def-<12h>', 'IBMCLOUD_KEY=<44u>'],
    unlike: ['IBMCLOUD_KEY=none'],
  },
  // Code hosts and package registries
  {
    id: 'github-token',
    what: 'GitHub token',
    doc: 'https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github',
    shapes: [
      // The token of an installation is its app and a JWT.
      { prefixes: 'ghs_', body: DOTTED, min: 100, digit: true, stretch: 20 },
      { prefixes: 'ghp_ gho_ ghu_ ghs_ ghr_', body: ALNUM, min: 20 },
      { prefixes: 'github_pat_', body: WORD, min: 20 },
    ],
    like: [
      'ghp_<36w>',
      'gho_<36w>',
      'ghs_<36w>',
      'ghr_<76w>',
      'github_pat_<22w>_<59w>',
      'ghs_1234567_eyJ<40w>.eyJ<10w>-<150u>.<200u>',
    ],
    unlike: ['ghp_short', 'github_pat_docs', 'ghs_of_the_city_hall_and_more'],
  },
  {
    id: 'gitlab-token',
    what: 'GitLab token',
    doc: 'https://docs.gitlab.com/security/tokens/',
    shapes: [
      {
        prefixes: 'glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- glsoat- gloas- glwt-',
        body: DOTTED,
        min: 16,
      },
      { prefixes: 'glffct- GR1348941 _gitlab_session=', body: DOTTED, min: 16 },
    ],
    like: ['glpat-<20u>', 'gldt-<20u>', 'glrt-<20u>', 'glpat-<27u>.01.<9n>'],
    unlike: ['glpat-short', 'glrt-'],
  },
  {
    id: 'npm-token',
    what: 'npm access token',
    doc: 'https://docs.npmjs.com/about-access-tokens',
    shapes: [{ prefixes: 'npm_', body: ALNUM, min: 30 }],
    like: ['npm_<36w>'],
    unlike: ['npm_config_registry', 'npm_package_devDependencies_typescript'],
  },
  {
    id: 'pypi-token',
    what: 'PyPI API token',
    doc: 'https://docs.pypi.org/api/secrets/',
    shapes: [{ prefixes: 'pypi-', body: URL_SAFE, min: 40 }],
    like: ['pypi-AgEIcHlwaS5vcmc<120u>'],
    unlike: ['pypi-publish'],
  },
  {
    id: 'rubygems-key',
    what: 'RubyGems API key',
    doc: 'https://guides.rubygems.org/api-key-scopes/',
    shapes: [{ prefixes: 'rubygems_', body: HEX, min: 32 }],
    like: ['rubygems_<48h>'],
    unlike: ['rubygems_version'],
  },
  {
    id: 'nuget-key',
    what: 'NuGet API key',
    doc: 'https://learn.microsoft.com/en-us/nuget/nuget-org/scoped-api-keys',
    shapes: [{ prefixes: 'oy2', body: LOWER | DIGIT, min: 43, max: 43 }],
    like: ['oy2<43n>'],
    unlike: ['oy2<60n>'],
  },
  {
    id: 'clojars-token',
    what: 'Clojars deploy token',
    doc: 'https://github.com/clojars/clojars-web/wiki/Deploy-Tokens',
    shapes: [{ prefixes: 'CLOJARS_', body: ALNUM, min: 40 }],
    like: ['CLOJARS_<60n>'],
    unlike: ['CLOJARS_USERNAME=ana'],
  },
  {
    id: 'crates-token',
    what: 'crates.io API token',
    doc: 'https://doc.rust-lang.org/cargo/reference/publishing.html',
    shapes: [{ prefixes: 'cio', body: ALNUM, min: 32, max: 32, digit: true, alone: true }],
    like: ['cio<32w>'],
    unlike: ['cio2', 'cio<40w>'],
  },
  {
    id: 'docker-token',
    what: 'Docker access token',
    doc: 'https://docs.docker.com/security/access-tokens/',
    shapes: [{ prefixes: 'dckr_pat_ dckr_oat_', body: URL_SAFE, min: 20 }],
    like: ['dckr_pat_<27u>', 'dckr_oat_<32u>'],
    unlike: ['dckr_pat_short'],
  },
  {
    id: 'jfrog-key',
    what: 'JFrog API key and identity token',
    doc: 'https://jfrog.com/help/r/jfrog-platform-administration-documentation/understanding-identity-tokens',
    shapes: [
      { prefixes: 'AKCp', body: ALNUM, min: 65 },
      { prefixes: 'cmVmdGtuOj', body: ALNUM | BASE64, min: 50 },
    ],
    like: ['AKCp<69w>', 'cmVmdGtuOj<54w>'],
    unlike: ['AKCp5short'],
  },
  {
    id: 'sonar-token',
    what: 'SonarQube token, of the server and of the cloud',
    doc: 'https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens',
    shapes: [
      { prefixes: 'sqp_ squ_ sqa_', body: HEX, min: 40 },
      { prefixes: 'sqco_', body: ALNUM, min: 40, digit: true },
    ],
    like: ['sqp_<40h>', 'squ_<40h>', 'sqco_<59w>'],
    unlike: ['sqp_short'],
  },
  {
    id: 'postman-key',
    what: 'Postman API key, and access key of a collection',
    doc: 'https://learning.postman.com/docs/developer/postman-api/authentication/',
    shapes: [
      { prefixes: 'PMAK-', body: HEX | DASH, min: 40 },
      { prefixes: 'PMAT-', body: UPPER | DIGIT, min: 26, max: 26 },
    ],
    like: ['PMAK-<24h>-<34h>', 'PMAT-<26U>'],
    unlike: ['PMAT-802', 'PMAK-short'],
  },
  {
    id: 'pulumi-token',
    what: 'Pulumi access token',
    doc: 'https://www.pulumi.com/docs/administration/access-identity/access-tokens/',
    shapes: [{ prefixes: 'pul-', body: HEX, min: 40, max: 40, alone: true }],
    like: ['pul-<40h>'],
    unlike: ['pul-<64h>'],
  },
  {
    id: 'circleci-token',
    what: 'CircleCI token',
    doc: 'https://circleci.com/docs/managing-api-tokens/',
    shapes: [{ prefixes: 'CCIPAT_ CCIPRJ_', body: WORD, min: 30 }],
    like: ['CCIPAT_<22w>_<40h>'],
    unlike: ['CCIPAT_short'],
  },
  {
    id: 'buildkite-token',
    what: 'Buildkite token',
    doc: 'https://buildkite.com/docs/platform/security/tokens',
    shapes: [
      {
        prefixes:
          'bkua_ bkaa_ bkaj_ bkjat_ bkar_ bkat_ bkcqt_ bkct_ bkpat_ bkps_ bkpt_ bkrt_ bktr_ bktx_ bkur_',
        body: DOTTED,
        min: 30,
        digit: true,
        stretch: 10,
      },
    ],
    like: [
      'bkua_<40h>',
      'bkaa_<10w>-<20w>_<20w>',
      'bkjat_eyJ<30w>.eyJ<60u>.<80u>',
      'bkar_<40h>',
      'bkur_<40h>',
      'bktx_<40h>',
      'bkcqt_<40h>',
      'bkrt_<40h>',
      'bktr_<40h>',
      'bkat_<40h>',
      'bkpat_<40h>',
      'bkps_<40h>',
    ],
    unlike: ['bkua_short', 'bkat_the_first_of_the_books_on_the_upper_shelf'],
  },
  {
    id: 'terraform-token',
    what: 'HCP Terraform token',
    doc: 'https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens',
    shapes: [{ anchors: ['.atlasv1.'], back: 14, pattern: /(?<!\w)\w{14}\.atlasv1\.[\w-]{40,100}/y }],
    like: ['<14w>.atlasv1.<67w>'],
    unlike: ['the.atlasv1.format'],
  },
  // Chat, mail, telephony
  {
    id: 'slack-token',
    what: 'Slack token',
    doc: 'https://docs.slack.dev/authentication/tokens/',
    shapes: [
      {
        prefixes: 'xoxa- xoxb- xoxc- xoxd- xoxe- xoxe.xoxb- xoxe.xoxp- xoxp- xoxr- xoxs-',
        body: URL_SAFE,
        min: 8,
        digit: true,
      },
      { prefixes: 'xoxa- xoxb- xoxp- xoxr- xoxs-', body: URL_SAFE, min: 20 },
      { prefixes: 'xapp- xwfp-', body: URL_SAFE, min: 16, digit: true },
    ],
    like: [
      'xoxb-<12d>-<13d>-<24w>',
      'xoxp-<12d>-<12d>-<12d>-<32h>',
      'xapp-1-A<10U>-<13d>-<64h>',
      'xoxe.xoxp-1-<100w>',
    ],
    unlike: ['xapp-layout', 'xoxb-your-token'],
  },
  {
    id: 'slack-webhook',
    what: 'Slack incoming webhook',
    doc: 'https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/',
    shapes: [
      {
        anchors: ['hooks.slack.com/'],
        pattern: /(?<keep>hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/)[\w/-]{8,200}/y,
      },
    ],
    like: ['https://hooks.slack.com/services/T<8U>/B<8U>/<24w>'],
    unlike: ['https://hooks.slack.com/services'],
  },
  {
    id: 'discord-webhook',
    what: 'Discord webhook',
    doc: 'https://docs.discord.com/developers/resources/webhook',
    shapes: [{ anchors: ['/webhooks/'], pattern: /(?<keep>\/webhooks\/\d{6,24}\/)[\w-]{20,200}/y }],
    like: ['https://discord.com/api/webhooks/123456789012345678/<68u>'],
    unlike: ['https://example.com/webhooks/123456/logs'],
  },
  {
    id: 'teams-webhook',
    what: 'Microsoft Teams webhook',
    doc: 'https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook',
    shapes: [
      {
        anchors: ['webhook.office.com/'],
        pattern: /(?<keep>webhook\.office\.com\/webhookb2\/)[\w@/-]{20,300}/y,
      },
    ],
    like: ['https://hive.webhook.office.com/webhookb2/<8h>-1234-4abc-8def-<12h>@<32h>/IncomingWebhook/<32h>'],
    unlike: ['https://hive.webhook.office.com/docs'],
  },
  {
    id: 'zapier-webhook',
    what: 'Zapier webhook',
    doc: 'https://help.zapier.com/hc/en-us/articles/8496288690317-Trigger-Zap-workflows-from-webhooks',
    shapes: [
      { anchors: ['hooks.zapier.com/'], pattern: /(?<keep>hooks\.zapier\.com\/hooks\/catch\/)[\w/]{6,100}/y },
    ],
    like: ['https://hooks.zapier.com/hooks/catch/<8d>/<12n>/'],
    unlike: ['https://hooks.zapier.com/hooks'],
  },
  {
    id: 'sendgrid-key',
    what: 'SendGrid API key',
    doc: 'https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys',
    shapes: [{ prefixes: 'SG.', body: DOTTED, min: 32, stretch: 16 }],
    like: ['SG.<22u>.<43w>'],
    unlike: ['SG.UA.1.7.2025'],
  },
  {
    id: 'mailgun-key',
    what: 'Mailgun API key',
    doc: 'https://documentation.mailgun.com/docs/mailgun/api-reference/authentication',
    shapes: [
      { prefixes: 'key-', body: HEX, min: 32, max: 32, alone: true },
      {
        anchors: HEX_DASH,
        probe: -8,
        back: 31,
        pattern: /(?<![\w-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])/y,
      },
    ],
    like: ['key-<32h>', '<32h>-<8h>-<8h>'],
    unlike: ['cache-key-<32h>', 'key-value', '<8h>-1234-4abc-8def-<12h>'],
  },
  {
    id: 'mailchimp-key',
    what: 'Mailchimp API key',
    doc: 'https://mailchimp.com/developer/marketing/guides/quick-start/',
    shapes: [{ anchors: ['-us'], back: 32, pattern: /(?<!\w)[0-9a-f]{32}-us\d{1,2}(?!\w)/y }],
    like: ['<32h>-us12'],
    unlike: ['<40h>-us1', 'region-us1'],
  },
  {
    id: 'brevo-key',
    what: 'Brevo API key',
    doc: 'https://developers.brevo.com/docs/getting-started',
    shapes: [{ prefixes: 'xkeysib- xsmtpsib-', body: URL_SAFE, min: 40 }],
    like: ['xkeysib-<64h>-<16w>'],
    unlike: ['xkeysib-short'],
  },
  {
    id: 'resend-key',
    what: 'Resend API key',
    doc: 'https://resend.com/docs/api-reference/api-keys/create-api-key',
    shapes: [
      {
        anchors: ['re_'],
        pattern: /(?<![\w-])re_(?=\w{0,33}\d)(?=\w{0,33}[A-Z])[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}(?![\w-])/y,
      },
    ],
    like: ['re_<8w>_<24w>'],
    unlike: ['re_compiled_pattern', 're_register_something_in_the_table'],
  },
  {
    id: 'postmark-token',
    what: 'Postmark server token, by header',
    doc: 'https://postmarkapp.com/developer/api/overview',
    shapes: [{ names: 'postmarkservertoken postmarkaccounttoken' }],
    like: ['X-Postmark-Server-Token: <8h>-1234-4abc-8def-<12h>'],
    unlike: ['X-Postmark-Server-Token: <token>'],
  },
  {
    id: 'twilio-key',
    what: 'Twilio API key',
    doc: 'https://www.twilio.com/docs/iam/api-keys',
    shapes: [{ prefixes: 'SK', body: HEX, min: 32, max: 32, alone: true }],
    like: ['SK<32h>'],
    unlike: ['SK<40h>', 'SKU 12345'],
  },
  {
    id: 'telegram-token',
    what: 'Telegram bot token, in the form of its API path',
    doc: 'https://core.telegram.org/bots/api#authorizing-your-bot',
    shapes: [{ anchors: ['/bot'], pattern: /(?<keep>\/bot)\d{6,12}:[\w-]{30,40}/y }],
    like: ['https://api.telegram.org/bot1234567890:AA<33u>'],
    unlike: ['https://example.com/bot12:ok'],
  },
  {
    id: 'intercom-token',
    what: 'Customer service tokens: Intercom, also alone; Freshdesk and Zendesk, by name',
    doc: 'https://developers.intercom.com/docs/build-an-integration/learn-more/authentication',
    shapes: [
      { names: 'intercomkey zendeskkey freshdeskkey' },
      // base64 of `tok:`
      { prefixes: 'dG9rO', body: ALNUM | BASE64, min: 45 },
    ],
    like: ['FRESHDESK_KEY=<20w>', 'dG9rOj<53w>='],
    unlike: ['dG9rOg==', 'ZENDESK_KEY=""'],
  },
  // Social
  {
    id: 'facebook-token',
    what: 'Facebook and Instagram access token, and app token',
    doc: 'https://developers.facebook.com/docs/facebook-login/guides/access-tokens/',
    shapes: [
      { prefixes: 'EAAA', body: URL_SAFE, min: 60, digit: true, stretch: 20 },
      { prefixes: 'EAA IGQV IGAA', body: ALNUM, min: 60, digit: true },
      {
        anchors: DIGIT_BAR,
        pattern:
          /(?<=(?<!\w)\d{9,19})(?<keep>\d\|)(?=[\w-]{0,26}[A-Z])(?=[\w-]{0,26}[a-z])[\w-]{27}(?![\w-])/y,
      },
    ],
    like: ['EAACEdEose0cBA<120w>', 'EAAG<160w>', 'IGQV<140w>', '123456789012345|<27w>'],
    unlike: ['EAA is a prefix', '| 5|the_quick_brown_fox_jumps__x|', '12345|<27w>'],
  },
  {
    id: 'twitter-token',
    what: 'X (Twitter) app bearer token and user access token',
    doc: 'https://docs.x.com/resources/fundamentals/authentication/oauth-2-0/bearer-tokens',
    shapes: [
      {
        anchors: ['AAAAAAAAAAAAAAAAAAAA'],
        pattern:
          /(?<![A-Za-z0-9+/])A{20,30}(?=[A-Za-z0-9%]{0,80}\d)(?=[A-Za-z0-9%]{0,80}[a-z])[A-Za-z0-9%]{30,200}(?![A-Za-z0-9+/=%])/y,
      },
      {
        anchors: DIGIT_DASH,
        probe: 30,
        pattern:
          /(?<=(?<!\w)\d{5,19})(?<keep>\d-)(?=[A-Za-z0-9]{40})(?=[A-Za-z0-9]{0,39}[A-Z])(?=[A-Za-z0-9]{0,39}[a-z])(?=[A-Za-z0-9]{0,39}\d)[A-Za-z0-9]{40,45}(?![\w+/=-])/y,
      },
    ],
    like: [
      'AAAAAAAAAAAAAAAAAAAAA<16w>%3D<60w>',
      'AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA<22w>%2B<40w>',
      '1234567890123456789-<40w>',
    ],
    unlike: ['AAAAAAAAAAAAAAAAAAAAAAAA', '2026-<40h>', 'sha512-<42w>/<43b>==', '12-<40w>'],
  },
  {
    id: 'linkedin-secret',
    what: 'LinkedIn client secret',
    doc: 'https://learn.microsoft.com/en-us/linkedin/shared/authentication/client-credentials-flow',
    shapes: [{ prefixes: 'WPL_AP1. WPL_AP0.', body: ALNUM | DOT | BASE64, min: 16 }],
    like: ['WPL_AP1.<16w>.<6w>=='],
    unlike: ['WPL_AP1.short'],
  },
  // Payments and shops
  {
    id: 'stripe-key',
    what: 'Stripe secret and restricted key',
    doc: 'https://docs.stripe.com/keys',
    shapes: [
      { prefixes: 'sk_live_ sk_test_ rk_live_ rk_test_ sk_org_live_ sk_org_test_', body: WORD, min: 10 },
    ],
    like: ['sk_live_<24w>', 'rk_live_<99w>', 'sk_test_<24w>'],
    unlike: ['pk_live_<24w>', 'sk_live_'],
  },
  {
    id: 'stripe-webhook-secret',
    what: 'Webhook signing secret (Stripe, Svix, Clerk, Resend)',
    doc: 'https://docs.stripe.com/webhooks/signature',
    shapes: [{ prefixes: 'whsec_', body: ALNUM | BASE64, min: 20 }],
    like: ['whsec_<32w>'],
    unlike: ['whsec_short'],
  },
  {
    id: 'square-token',
    what: 'Square access token and application secret',
    doc: 'https://developer.squareup.com/docs/build-basics/access-tokens',
    shapes: [
      { prefixes: 'sq0atp- sq0csp-', body: URL_SAFE, min: 20 },
      { prefixes: 'EAAA EAAl', body: URL_SAFE, min: 58, max: 60, digit: true },
    ],
    like: ['sq0atp-<22u>', 'sq0csp-<43u>', 'EAAA<60u>', 'EAAA<28w>-<31w>'],
    unlike: ['sq0idp-<22u>', 'EAAA'],
  },
  {
    id: 'paypal-token',
    what: 'PayPal access token',
    doc: 'https://developer.paypal.com/api/rest/authentication/',
    shapes: [
      { prefixes: 'A21AA', body: URL_SAFE, min: 40 },
      {
        anchors: ['access_token$'],
        pattern: /(?<keep>access_token\$(?:production|sandbox)\$)[a-z0-9]{10,24}\$[a-f0-9]{32}/y,
      },
    ],
    like: ['A21AA<90u>', 'access_token$production$<16n>$<32h>'],
    unlike: ['A21AA'],
  },
  {
    id: 'shopify-token',
    what: 'Shopify token',
    doc: 'https://shopify.dev/docs/apps/build/authentication-authorization',
    shapes: [{ prefixes: 'shpat_ shpca_ shppa_ shpss_ shptka_', body: ALNUM, min: 20 }],
    like: ['shpat_<32h>', 'shpss_<32h>', 'shptka_<32h>'],
    unlike: ['shpat_short'],
  },
  {
    id: 'plaid-token',
    what: 'Plaid access token',
    doc: 'https://plaid.com/docs/api/tokens/',
    shapes: [
      { prefixes: 'access-production- access-sandbox- access-development-', body: HEX | DASH, min: 36 },
    ],
    like: ['access-production-<8h>-1234-4abc-8def-<12h>'],
    unlike: ['access-production-database'],
  },
  {
    id: 'shippo-token',
    what: 'Shippo token',
    doc: 'https://docs.goshippo.com/docs/guides_general/authentication/',
    shapes: [{ prefixes: 'shippo_live_ shippo_test_', body: HEX, min: 40 }],
    like: ['shippo_live_<40h>'],
    unlike: ['shippo_live_rates'],
  },
  {
    id: 'duffel-token',
    what: 'Duffel token',
    doc: 'https://duffel.com/docs/api/overview/test-mode',
    shapes: [{ prefixes: 'duffel_live_ duffel_test_', body: URL_SAFE, min: 40 }],
    like: ['duffel_live_<43u>'],
    unlike: ['duffel_test_mode'],
  },
  {
    id: 'easypost-key',
    what: 'EasyPost API key',
    doc: 'https://docs.easypost.com/docs/authentication',
    shapes: [{ prefixes: 'EZAK EZTK', body: ALNUM, min: 54 }],
    like: ['EZAK<54w>', 'EZTK<54w>'],
    unlike: ['EZAK'],
  },
  {
    id: 'adyen-key',
    what: 'Adyen API key',
    doc: 'https://docs.adyen.com/development-resources/api-credentials/',
    shapes: [{ prefixes: 'AQE', body: ALNUM | BASE64, min: 100, digit: true }],
    like: ['AQE<150w>'],
    unlike: ['AQE', 'AQEshort123'],
  },
  // Work, docs, monitoring
  {
    id: 'linear-key',
    what: 'Linear API key, OAuth token and webhook secret',
    doc: 'https://linear.app/developers/graphql',
    shapes: [{ prefixes: 'lin_api_ lin_oauth_ lin_wh_', body: ALNUM, min: 20 }],
    like: ['lin_api_<40w>', 'lin_oauth_<64h>', 'lin_wh_<43w>'],
    unlike: ['lin_api_docs'],
  },
  {
    id: 'notion-token',
    what: 'Notion integration token',
    doc: 'https://developers.notion.com/reference/authentication',
    shapes: [
      { prefixes: 'ntn_', body: ALNUM, min: 30 },
      { prefixes: 'secret_', body: ALNUM, min: 40 },
      { prefixes: 'secret_', body: ALNUM, min: 32, digit: true },
    ],
    like: ['ntn_<46w>', 'secret_<43w>'],
    unlike: ['secret_santa', 'ntn_short'],
  },
  {
    id: 'figma-token',
    what: 'Figma token',
    doc: 'https://developers.figma.com/docs/rest-api/authentication/',
    shapes: [
      { prefixes: 'figd_ figo_ figor_ figu_', body: URL_SAFE, min: 30 },
      { prefixes: 'figp_ figdh_ figdr_ figoh_ figuh_ figur_', body: URL_SAFE, min: 40, digit: true },
    ],
    like: [
      'figd_<40u>',
      'figp_<44u>',
      'figor_<40u>',
      'figoh_<40u>',
      'figur_<40u>',
      'figuh_<40u>',
      'figdr_<40u>',
      'figdh_<40u>',
    ],
    unlike: ['figp_parse_of_the_first_figure_on_the_page', 'figd_short'],
  },
  {
    id: 'dropbox-token',
    what: 'Dropbox access token',
    doc: 'https://developers.dropbox.com/oauth-guide',
    shapes: [{ prefixes: 'sl.u. sl.', body: URL_SAFE, min: 100, alone: true }],
    like: ['sl.<136u>', 'sl.u.<136u>'],
    unlike: ['sl.short'],
  },
  {
    id: 'atlassian-token',
    what: 'Atlassian API token',
    doc: 'https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/',
    shapes: [{ prefixes: 'ATATT3 ATCTT3 ATATT ATCTT', body: URL_SAFE | BASE64, min: 24 }],
    like: ['ATATT3xFfGF0<170u>=<8U>'],
    unlike: ['ATATT'],
  },
  {
    id: 'bitbucket-token',
    what: 'Bitbucket app password, and HTTP access token of Bitbucket Data Center',
    doc: 'https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/',
    shapes: [
      { prefixes: 'ATBB', body: ALNUM | BASE64, min: 28, digit: true },
      { prefixes: 'BBDC-', body: URL_SAFE | BASE64, min: 40, digit: true },
    ],
    like: ['ATBB<32w>', 'BBDC-<44b>'],
    unlike: ['BBDC-1234', 'ATBB'],
  },
  {
    id: 'airtable-token',
    what: 'Airtable token',
    doc: 'https://airtable.com/developers/web/api/authentication',
    shapes: [
      { prefixes: 'pat', body: ALNUM | DOT, min: 79, max: 79, alone: true, stretch: 64 },
      {
        anchors: ['.v1.'],
        back: 17,
        pattern: /(?<![\w.-])oaa[A-Za-z0-9]{14}\.v1\.[\w-]{20,2048}\.[0-9a-f]{16,128}(?!\w)/y,
      },
    ],
    like: ['pat<14w>.<64h>', 'oaa<14w>.v1.eyJ<120u>.<64h>'],
    unlike: ['example.v1.Service', 'patience', 'pattern.matching'],
  },
  {
    id: 'asana-token',
    what: 'Asana personal access token',
    doc: 'https://developers.asana.com/docs/personal-access-token',
    shapes: [
      { anchors: ['/1'], back: 1, pattern: /(?<![\w/])\d\/\d{10,20}(?:\/\d{10,20})?:[0-9a-f]{32}(?!\w)/y },
    ],
    like: ['1/1234567890123456:<32h>', '2/1234567890123456/1209876543210987:<32h>'],
    unlike: ['1/1234567890', '1/1 of the files'],
  },
  {
    id: 'contentful-token',
    what: 'Contentful personal access token',
    doc: 'https://www.contentful.com/developers/docs/references/authentication/',
    shapes: [{ prefixes: 'CFPAT-', body: URL_SAFE, min: 40 }],
    like: ['CFPAT-<43u>'],
    unlike: ['CFPAT-short'],
  },
  {
    id: 'typeform-token',
    what: 'Typeform token',
    doc: 'https://www.typeform.com/developers/get-started/personal-access-token/',
    shapes: [{ prefixes: 'tfp_', body: DOTTED | BASE64, min: 40 }],
    like: ['tfp_<44u>_<14w>'],
    unlike: ['tfp_short'],
  },
  {
    id: 'hubspot-token',
    what: 'HubSpot private app token',
    doc: 'https://developers.hubspot.com/docs/guides/apps/private-apps/overview',
    shapes: [{ prefixes: 'pat-na1- pat-na2- pat-na3- pat-eu1- pat-ap1-', body: HEX | DASH, min: 36 }],
    like: [
      'pat-na1-<8h>-1234-4abc-8def-<12h>',
      'pat-ap1-<8h>-1234-4abc-8def-<12h>',
      'pat-na3-<8h>-1234-4abc-8def-<12h>',
    ],
    unlike: ['pat-na1-guide'],
  },
  {
    id: 'sentry-token',
    what: 'Sentry auth token',
    doc: 'https://docs.sentry.io/account/auth-tokens/',
    shapes: [{ prefixes: 'sntrys_ sntryu_ sntrya_ sntryi_', body: WORD | BASE64, min: 40 }],
    like: ['sntrys_<130w>_<43w>', 'sntryu_<64h>', 'sntrya_<64h>', 'sntryi_<64h>'],
    unlike: ['sntrys_short'],
  },
  {
    id: 'grafana-token',
    what: 'Grafana token',
    doc: 'https://grafana.com/docs/grafana/latest/administration/service-accounts/',
    shapes: [{ prefixes: 'glsa_ glc_', body: WORD | BASE64, min: 30, digit: true }],
    like: ['glsa_<32w>_<8h>', 'glc_eyJ<100w>'],
    unlike: ['glsa_short'],
  },
  {
    id: 'newrelic-key',
    what: 'New Relic key',
    doc: 'https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/',
    shapes: [
      { prefixes: 'NRAK- NRII- NRIQ- NRRA- NRAA-', body: URL_SAFE, min: 20 },
      {
        anchors: ['NRAL'],
        back: 36,
        // The first six characters may name the region.
        pattern: /(?<!\w)(?:[0-9a-fA-F]{6}|[a-z]{2,3}\d\dx{1,2})[0-9a-fA-F]{30}NRAL(?!\w)/y,
      },
    ],
    like: ['NRAK-<27U>', '<36h>NRAL', 'eu01xx<26h>FFFFNRAL', 'eu01xx<30h>NRAL'],
    unlike: ['NRAK-short', 'NRAL'],
  },
  {
    id: 'posthog-key',
    what: 'PostHog personal API key, project secret key and OAuth token',
    doc: 'https://posthog.com/docs/api/personal-api-keys',
    shapes: [{ prefixes: 'phx_ phs_ pha_ phr_', body: ALNUM, min: 30 }],
    like: ['phx_<47w>', 'pha_<43w>', 'phr_<43w>'],
    unlike: ['phc_<43w>'],
  },
  {
    id: 'pagerduty-key',
    what: 'PagerDuty user and general API key, and integration key',
    doc: 'https://support.pagerduty.com/main/docs/api-access-keys',
    shapes: [
      {
        anchors: ['u+', 'y_'],
        pattern: /(?<![\w+/-])(?:u\+|y_)(?=[\w+-]{0,17}\d)(?=[\w+-]{0,17}[A-Z])[\w+-]{18}(?![\w+/=-])/y,
      },
      { names: 'pagerdutykey pdkey' },
      { names: 'routingkey integrationkey', loose: true },
    ],
    like: ['u+<18w>', 'y_<18w>', 'routing_key=<32h>'],
    unlike: ['u+0041 is A', 'y_axis_label'],
  },
  {
    id: 'datadog-key',
    what: 'Datadog API and application key, by name',
    doc: 'https://docs.datadoghq.com/account_management/api-app-keys/',
    shapes: [
      { names: 'applicationkey ddapikey ddappkey datadogkey' },
      { prefixes: 'ddapp_ ddpat_', body: ALNUM, min: 30 },
    ],
    like: ['DD-APPLICATION-KEY: <40h>', 'DD_API_KEY=<32h>'],
    unlike: ['DD_SITE=datadoghq.eu'],
  },
  {
    id: 'dynatrace-token',
    what: 'Dynatrace token',
    doc: 'https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens',
    shapes: [
      {
        prefixes: 'dt0c01. dt0s01. dt0s02. dt0s03. dt0s04. dt0s06. dt0s08. dt0s09. dt0s16.',
        body: UPPER | DIGIT | DOT,
        min: 40,
      },
    ],
    like: [
      'dt0c01.<24U>.<64U>',
      'dt0s02.<8U>.<64U>',
      'dt0s03.<8U>.<64U>',
      'dt0s04.<8U>.<64U>',
      'dt0s06.<8U>.<64U>',
      'dt0s08.<8U>.<64U>',
      'dt0s09.<8U>.<64U>',
    ],
    unlike: ['dt0s08.ABCDEFGH', 'dt0c01.SHORT'],
  },
  {
    id: 'honeycomb-key',
    what: 'Honeycomb key',
    doc: 'https://docs.honeycomb.io/api/authentication',
    shapes: [
      // The third character of the prefix is any; of a management key only what follows the colon is secret.
      { anchors: ['ik_'], back: 3, pattern: /(?<!\w)hc[a-z0-9]ik_[A-Za-z0-9]{58}(?!\w)/y },
      {
        anchors: ['mk_'],
        back: 3,
        pattern: /(?<keep>(?<!\w)hc[a-z0-9]mk_[A-Za-z0-9]{26}:)[A-Za-z0-9]{20,64}(?!\w)/y,
      },
      { prefixes: 'hcaik_ hcalk_ hcxik_ hcxmk_ hcamk_', body: ALNUM, min: 30 },
      { names: 'xhoneycombteam honeycombkey' },
    ],
    like: [
      'hcaik_01<56n>',
      'x-honeycomb-team: <22w>',
      'hcbik_01<56n>',
      'hc9ik_<58n>',
      'hcxmk_01abcdefghijklmnopqrstuvwx:<32w>',
    ],
    unlike: ['hcxmk_01abcdefghijklmnopqrstuvwx', 'hcaik_short'],
  },
  {
    id: 'launchdarkly-key',
    what: 'LaunchDarkly API access token and SDK key',
    doc: 'https://launchdarkly.com/docs/home/account/api',
    shapes: [
      {
        anchors: ['api-', 'sdk-'],
        pattern:
          /(?<![\w-])(?:api|sdk)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])/y,
      },
    ],
    like: ['api-<8h>-1234-4abc-8def-<12h>', 'sdk-<8h>-1234-4abc-8def-<12h>'],
    unlike: ['api-gateway-01', 'req-<8h>-1234-4abc-8def-<12h>'],
  },
  {
    id: 'algolia-key',
    what: 'Algolia, Elastic, Segment and others, by header or variable',
    doc: 'https://www.algolia.com/doc/guides/security/api-keys/',
    shapes: [{ names: 'algoliaapikey adminkey elastickey' }, { names: 'writekey', loose: true }],
    like: ['X-Algolia-API-Key: <32h>', 'ALGOLIA_ADMIN_KEY=<32h>'],
    unlike: ['X-Algolia-Application-Id: ABC123'],
  },
  {
    id: 'okta-token',
    what: 'Okta API token, with its scheme',
    doc: 'https://developer.okta.com/docs/guides/create-an-api-token/main/',
    shapes: [{ schemes: 'ssws' }],
    like: ['SSWS 00<40u>', 'Authorization: SSWS 00<40u>'],
    unlike: ['SSWS is the scheme of Okta'],
  },
  {
    id: 'zoho-token',
    what: 'Zoho OAuth token, with its scheme or alone',
    doc: 'https://www.zoho.com/accounts/protocol/oauth/use-access-token.html',
    shapes: [
      { schemes: 'zoho-oauthtoken' },
      { anchors: ['1000.'], pattern: /(?<![\w.])1000\.[0-9a-f]{32}\.[0-9a-f]{32}(?![\w.-])/y },
    ],
    like: ['Zoho-oauthtoken 1000.<32h>.<32h>', '1000.<32h>.<32h>'],
    unlike: ['1000.00 and 1000.5', 'Zoho-oauthtoken is required'],
  },
  {
    id: 'klaviyo-key',
    what: 'Klaviyo private key, with its scheme',
    doc: 'https://developers.klaviyo.com/en/docs/authenticate_',
    shapes: [
      { schemes: 'klaviyo-api-key' },
      { prefixes: 'pk_', body: HEX, min: 34, max: 34, alone: true },
      { anchors: ['pk_'], pattern: /(?<![\w-])pk_[A-Za-z0-9]{6}_[0-9a-f]{34}(?![\w-])/y },
    ],
    like: ['Klaviyo-API-Key pk_<34h>', 'Klaviyo-API-Key <40w>', 'pk_<6w>_<34h>'],
    unlike: ['pk_<6w>_<40h>', 'Klaviyo-API-Key header', 'pk_live_<24w>'],
  },
  {
    id: 'scheme-token',
    what: 'Tokens behind a scheme of one vendor (Opsgenie, GoDaddy), and DPoP',
    doc: 'https://www.iana.org/assignments/http-authschemes/http-authschemes.xhtml',
    shapes: [{ schemes: 'geniekey sso-key dpop' }],
    like: [
      'GenieKey <8h>-1234-4abc-8def-<12h>',
      'Authorization: Bot <70w>',
      'DPoP <40w>',
      'sso-key <37w>:<22w>',
    ],
    unlike: ['the bot answered', 'DPoP is a draft', 'sso-key is the scheme'],
  },
  // Secret stores, networks, keys
  {
    id: 'doppler-token',
    what: 'Doppler token',
    doc: 'https://docs.doppler.com/reference/auth-token-formats',
    shapes: [{ prefixes: 'dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. dp.said.', body: DOTTED, min: 30 }],
    like: ['dp.pt.<43w>', 'dp.st.dev.<43w>'],
    unlike: ['dp.pt.short'],
  },
  {
    id: 'vault-token',
    what: 'HashiCorp Vault token',
    doc: 'https://developer.hashicorp.com/vault/docs/concepts/tokens',
    shapes: [{ prefixes: 'hvs. hvb. hvr.', body: URL_SAFE, min: 20 }],
    like: ['hvs.<24w>', 'hvb.<140u>'],
    unlike: ['hvs.short'],
  },
  {
    id: 'onepassword-token',
    what: '1Password service account token and secret key',
    doc: 'https://developer.1password.com/docs/service-accounts/security/',
    shapes: [
      { prefixes: 'ops_eyJ', body: WORD | BASE64, min: 100 },
      {
        anchors: ['A3-'],
        pattern:
          /(?<![\w-])A3-[A-Z0-9]{6}-[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}(?:-[A-Z0-9]{5})?(?![\w-])/y,
      },
    ],
    like: ['ops_eyJ<300w>', 'A3-<6U>-<6U>-<5U>-<5U>-<5U>-<5U>'],
    unlike: ['A3-size paper'],
  },
  {
    id: 'tailscale-key',
    what: 'Tailscale key',
    doc: 'https://tailscale.com/kb/1085/auth-keys',
    shapes: [{ prefixes: 'tskey-', body: URL_SAFE, min: 20 }],
    like: ['tskey-auth-<17w>-<32w>', 'tskey-api-<17w>-<32w>'],
    unlike: ['tskey-auth'],
  },
  {
    id: 'age-secret-key',
    what: 'age secret key',
    doc: 'https://github.com/FiloSottile/age',
    shapes: [{ prefixes: 'AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1', body: UPPER | DIGIT, min: 40 }],
    like: ['AGE-SECRET-KEY-1<58U>'],
    unlike: ['age1<58n>'],
  },
  {
    id: 'putty-private-key',
    what: 'Private part of a PuTTY key file',
    doc: 'https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html',
    shapes: [
      {
        anchors: ['Private-Lines:'],
        pattern:
          /(?<keep>Private-Lines: ?\d{1,4}(?:\s|\\[nr])+)(?:[A-Za-z0-9+/=]{4,128}(?:\s|\\[nr])*){1,200}/y,
      },
    ],
    like: ['Private-Lines: 2\n<64b>\n<40b>'],
    unlike: ['Private-Lines: none'],
  },
  {
    id: 'mapbox-token',
    what: 'Mapbox secret token',
    doc: 'https://docs.mapbox.com/help/dive-deeper/access-tokens/',
    shapes: [{ anchors: ['sk.eyJ'], pattern: /(?<!\w)sk\.eyJ[\w-]{16,512}\.[\w-]{16,128}/y }],
    like: ['sk.eyJ<60w>.<22w>'],
    unlike: ['pk.eyJ<30w>', 'sk.eyJ'],
  },
  {
    id: 'kube-key',
    what: 'Client key and token of a kubeconfig, and the auth of a Docker configuration, by name',
    doc: 'https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/',
    shapes: [{ names: 'clientkeydata identitytoken registrytoken' }],
    like: ['client-key-data: <200b>', '{"client-key-data": "<200b>"}'],
    unlike: ['client-certificate-data: <200b>', 'certificate-authority-data: <200b>'],
  },
  {
    id: 'password-hash',
    what: 'Hash of a password: bcrypt, argon2, scrypt, crypt(3), LDAP',
    doc: 'https://www.gnu.org/software/libc/manual/html_node/Passphrase-Storage.html',
    shapes: [
      { anchors: ['$2'], pattern: /\$2[abxy]?\$\d{2}\$[A-Za-z0-9./]{53}/y },
      { anchors: ['$argon2'], pattern: /\$argon2(?:id|i|d)\$[^\s"'`<>\\]{20,300}/y },
      { anchors: ['$1$', '$5$', '$6$', '$y$', '$7$'], pattern: /\$[1567y]\$[A-Za-z0-9./=$,]{20,200}/y },
      {
        anchors: ['$scrypt$', '$pbkdf2', '$apr1$', '{SSHA', 'pbkdf2_sha', '{scram-', 'SCRAM-SHA-256$'],
        pattern:
          /(?:\$(?:scrypt|pbkdf2[\w-]{0,12}|apr1)\$|\{SSHA\d{0,3}\}|pbkdf2_sha\d{1,3}\$|SCRAM-SHA-256\$)[A-Za-z0-9./+=$,:]{20,300}/y,
      },
    ],
    like: [
      '$2b$12$<53c>',
      '$2y$10$<53c>',
      '$argon2id$v=19$m=65536,t=3,p=4$<22w>$<43w>',
      '$6$<16w>$<86c>',
      '{SSHA}<38w>==',
    ],
    unlike: ['$2b', 'costs $20 to $25', '$6'],
  },
  // By place, of no one vendor
  {
    id: 'url-signature',
    what: 'Signature in a URL that lets in whoever has it: shared access (Azure), presigned (AWS, Google)',
    doc: 'https://learn.microsoft.com/en-us/azure/storage/common/storage-sas-overview',
    shapes: [
      { anchors: ['sig='], pattern: /(?<=[?&;]|u0026)(?<keep>sig=)[\w%+/=-]{40,70}/y },
      { anchors: ['-Signature='], pattern: /(?<keep>-Signature=)[A-Fa-f0-9]{40,1024}/y },
    ],
    like: [
      'https://h.blob.core.windows.net/c?sv=2024-11-04&sig=<40w>%3D',
      'https://b.s3.amazonaws.com/k?X-Amz-Signature=<64h>',
    ],
    unlike: ['https://example.com/?sig=none'],
  },
  {
    id: 'query-key',
    what: 'A parameter of a URL that holds a key or a code: `?key=`, `#code=`',
    doc: 'https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2',
    shapes: [
      {
        anchors: [
          'key=',
          'code=',
          'auth=',
          'sig=',
          'signature=',
          'ticket=',
          'pw=',
          'pass=',
          'appid=',
          'sid=',
          'oauth=',
        ],
        pattern:
          /(?<=[?&#;]|u0026)(?<keep>[a-z]{2,9}=)(?=[^\s"'`<>&\\#;]{0,64}\d)(?=[^\s"'`<>&\\#;]{0,64}[A-Za-z])[^\s"'`<>&\\#;,()[\]{}]{14,512}/y,
      },
    ],
    like: ['https://maps.example.com/api?key=<32w>', 'https://example.com/cb#code=<30u>&state=1'],
    unlike: ['https://example.com/?key=name&sort=up', 'https://example.com/a#key=top'],
  },
  {
    id: 'password',
    what: 'Passwords that people tell each other, and those of SQL, netrc and command lines',
    doc: 'https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html',
    shapes: [
      // `is base64` and `is sha256` are no passwords.
      {
        anchors: [
          'password is',
          'password was',
          'passphrase is',
          'passcode is',
          'Password is',
          'Passphrase is',
        ],
        pattern:
          /(?<keep>[Pp]ass\w{4,6} (?:is|was)(?: now)?:? {0,2}["'`]?)(?!(?:base|sha|utf|md|argon|pbkdf|rot)-?\d)(?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])[^\s"'`<>[\]\\]{5,128}[^\s"'`<>[\]\\.,;:)]/y,
      },
      {
        anchors: ['WITH PASSWORD ', 'with password ', 'IDENTIFIED BY ', 'Identified by '],
        pattern: /(?<keep>[A-Za-z]{4,10} [A-Za-z]{2,8} ')(?!\[redacted)[^'\n]{1,200}(?=')/y,
      },
      {
        anchors: ['login '],
        pattern: /(?<keep>\blogin \S{1,64}\s{1,8}password )(?!\[redacted)[^\s"'`<>$\\]{1,128}/y,
      },
      { anchors: ['sshpass -p'], pattern: /(?<keep>\bsshpass -p ?["']?)(?!\[redacted)[^\s"'`<>$\\]{1,128}/y },
      {
        anchors: [' -u ', ' --user ', ' -U '],
        pattern:
          /(?<keep> (?:-u|-U|--user) ["']?[\w.@+-]{1,64}:)(?!["'\s/]|\d{1,6}\b)(?=[^\s"']*[^a-z\s"'])[^\s"'<>${}[\]\\]{3,128}/y,
      },
      {
        anchors: [' -p'],
        pattern:
          /(?<=\b(?:mysql|mysqldump|mysqladmin|mariadb|mongo|mongosh|login|sqlcmd|clickhouse-client)\b[^\n]{1,100})(?<keep> -p ?["']?)(?!\[redacted|\d{1,5}\b)[^\s"'`<>$\\-][^\s"'`<>$\\]{2,128}/y,
      },
      {
        anchors: [' -a ', ' -P '],
        pattern:
          /(?<=\b(?:redis-cli|sqlcmd|ldapsearch)\b[^\n]{0,100})(?<keep> -[aP] ["']?)(?!\[redacted)[^\s"'`<>$\\-][^\s"'`<>$\\]{2,128}/y,
      },
      {
        anchors: ['pass:'],
        pattern: /(?<=-pass(?:in|out)? )(?<keep>pass:)(?!\[redacted)[^\s"'`<>$\\]{1,128}/y,
      },
    ],
    like: [
      'the password is <10w>',
      "ALTER USER ana WITH PASSWORD '<12w>'",
      'machine example.com login ana password <12w>',
      'sshpass -p <12w> ssh host',
      'curl -u ana:<12w> https://example.com',
      'mysql -u root -p<12w> hive',
      'docker login -u ana -p <16w>',
      'redis-cli -h cache -a <16w> ping',
      'openssl rsa -passin pass:<12w>',
    ],
    unlike: [
      'the password is base64 encoded',
      'docker run -u 1000:1000 node:20',
      'docker run -p 8080:80 web',
      'mkdir -p src/redact',
    ],
  },
]
