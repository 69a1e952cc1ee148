//! The providers, and where their keys and addresses come from.

use genai::adapter::AdapterKind;
use reqwest::Url;

use super::protocol::Protocol;

/// A provider as the first part of a model's name names it.
pub(super) struct Provider {
    /// What stands before the slash.
    pub(super) prefix: &'static str,
    pub(super) protocol: Protocol,
    pub(super) kind: AdapterKind,
    /// Environment variables that may hold the key, the usual one first; none for a server that asks for none.
    keys: &'static [&'static str],
    /// The address, where it is not the one that genai knows.
    address: Option<&'static str>,
}

/// Names that people also use for a provider.
const ALIASES: &[(&str, &str)] = &[
    ("google", "gemini"),
    ("open_router", "openrouter"),
    ("openai_resp", "openai-responses"),
];

macro_rules! providers {
    ($($prefix:literal $protocol:ident $kind:ident [$($key:literal),*] $($address:literal)?;)*) => {
        &[$(Provider {
            prefix: $prefix,
            protocol: Protocol::$protocol,
            kind: AdapterKind::$kind,
            keys: &[$($key),*],
            address: address!($($address)?),
        }),*]
    };
}

macro_rules! address {
    () => {
        None
    };
    ($address:literal) => {
        Some($address)
    };
}

/// Every provider. Cohere and Ollama go through their OpenAI-compatible addresses, because genai's adapters for their
/// own protocols know no tools and no call ids; others are of the kind OpenAI because genai's would ignore a base URL.
static PROVIDERS: &[Provider] = providers! {
    "openai"           ChatCompletions OpenAI     ["OPENAI_API_KEY"];
    "openai-responses" Responses       OpenAIResp ["OPENAI_API_KEY"];
    "anthropic"        Anthropic       Anthropic  ["ANTHROPIC_API_KEY"];
    "gemini"           Gemini          Gemini     ["GEMINI_API_KEY", "GOOGLE_API_KEY"];
    "bedrock"          Bedrock         BedrockApi ["BEDROCK_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"];
    "groq"             ChatCompletions Groq       ["GROQ_API_KEY"];
    "xai"              ChatCompletions Xai        ["XAI_API_KEY"];
    "deepseek"         ChatCompletions DeepSeek   ["DEEPSEEK_API_KEY"];
    "mistral"          ChatCompletions Mistral    ["MISTRAL_API_KEY"];
    "openrouter"       ChatCompletions OpenRouter ["OPENROUTER_API_KEY", "OPEN_ROUTER_API_KEY"];
    "together"         ChatCompletions Together   ["TOGETHER_API_KEY"];
    "fireworks"        ChatCompletions Fireworks  ["FIREWORKS_API_KEY"];
    "cohere"           ChatCompletions OpenAI     ["COHERE_API_KEY", "CO_API_KEY"]
        "https://api.cohere.ai/compatibility/v1/";
    "ollama"           ChatCompletions OpenAI     [] "http://localhost:11434/v1/";
    "ollama-cloud"     ChatCompletions OpenAI     ["OLLAMA_API_KEY"] "https://ollama.com/v1/";
    "moonshot"         ChatCompletions Moonshot   ["MOONSHOT_API_KEY"];
    "kimi"             ChatCompletions Kimi       ["KIMI_API_KEY", "MOONSHOT_API_KEY"];
    "minimax"          Anthropic       MiniMax    ["MINIMAX_API_KEY"];
    "zai"              ChatCompletions OpenAI     ["ZAI_API_KEY"] "https://api.z.ai/api/paas/v4/";
    "bigmodel"         ChatCompletions BigModel   ["BIGMODEL_API_KEY"];
    "aliyun"           ChatCompletions Aliyun     ["ALIYUN_API_KEY", "DASHSCOPE_API_KEY"];
    "qwen-cloud"       ChatCompletions QwenCloud  ["QWEN_CLOUD_API_KEY", "DASHSCOPE_API_KEY"];
    "baidu"            ChatCompletions OpenAI     ["BAIDU_API_KEY"] "https://qianfan.baidubce.com/v2/";
    "mimo"             ChatCompletions Mimo       ["MIMO_API_KEY"];
    "nebius"           ChatCompletions Nebius     ["NEBIUS_API_KEY"];
    "github"           ChatCompletions OpenAI     ["GITHUB_TOKEN"] "https://models.github.ai/inference/";
    "aihubmix"         ChatCompletions Aihubmix   ["AIHUBMIX_API_KEY"];
    "requesty"         ChatCompletions Requesty   ["REQUESTY_API_KEY"];
    "atlascloud"       ChatCompletions AtlasCloud ["ATLASCLOUD_API_KEY"];
    "api-route"        ChatCompletions ApiRoute   ["API_ROUTE_API_KEY"];
    "heabsy"           ChatCompletions Heabsy     ["HEABSY_API_KEY"];
    "runcrate"         ChatCompletions Runcrate   ["RUNCRATE_API_KEY"];
    "cloudgpu"         ChatCompletions CloudGpu   ["CLOUDGPU_API_KEY"];
};

/// Splits "provider/model", where the model's own name may hold slashes.
///
/// # Errors
/// The words for the user when there is no prefix, or an unknown one.
pub(super) fn parse(model: &str) -> Result<(&'static Provider, &str), String> {
    let Some((prefix, name)) = model
        .split_once('/')
        .filter(|(prefix, name)| !prefix.is_empty() && !name.is_empty())
    else {
        return Err(format!(
            "write the model as \"provider/model\", such as \"openai/gpt-4o-mini\", not {model:?}"
        ));
    };
    match find(prefix) {
        Some(provider) => Ok((provider, name)),
        None => Err(format!(
            "unknown provider {prefix:?} in {model:?}; known are {}",
            prefixes().join(", ")
        )),
    }
}

/// All prefixes that `parse` takes, without the aliases.
pub(super) fn prefixes() -> Vec<&'static str> {
    PROVIDERS.iter().map(|provider| provider.prefix).collect()
}

fn find(prefix: &str) -> Option<&'static Provider> {
    let prefix = ALIASES
        .iter()
        .find(|(alias, _)| *alias == prefix)
        .map_or(prefix, |(_, name)| *name);
    PROVIDERS.iter().find(|provider| provider.prefix == prefix)
}

impl Provider {
    /// The key, from the environment as it is now; None for a provider that needs none.
    ///
    /// # Errors
    /// The words for the user, naming the variable.
    pub(super) fn key(&self) -> Result<Option<String>, String> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        self.keys.iter().copied().find_map(variable).map(Some).ok_or_else(|| {
            format!(
                "no API key for {}: set the environment variable {}",
                self.prefix,
                self.keys.join(" or ")
            )
        })
    }

    /// The provider's own address, given the one that genai knows.
    pub(super) fn usual_address<'a>(&self, known: &'a str) -> &'a str {
        self.address.unwrap_or(known)
    }

    /// The address to send to: the usual one, unless the environment holds another.
    ///
    /// # Errors
    /// The words for the user, naming the variable and not its value, which may hold a password.
    pub(super) fn address(&self, usual: &str) -> Result<String, String> {
        let variables = self.base_url_variables();
        let found = variables.iter().find_map(|name| Some((name, variable(name)?)));
        match found {
            Some((_, base_url)) if is_base_url(&base_url) => Ok(self.complete(&base_url, usual)),
            Some((name, _)) => Err(format!(
                "{name} is not a URL that requests can be sent to: write http:// or https://, a host, and neither a \
                 query nor a fragment, such as https://models.example.com/v1"
            )),
            None => Ok(usual.to_owned()),
        }
    }

    /// `OPENAI_BASE_URL` for `OPENAI_API_KEY`, and so on; the prefix's own name counts as well.
    fn base_url_variables(&self) -> Vec<String> {
        let named = self.prefix.to_uppercase().replace('-', "_");
        let of_keys = self
            .keys
            .iter()
            .filter(|key| self.owns(key))
            .filter_map(|key| key.strip_suffix("_API_KEY"));
        std::iter::once(named.as_str())
            .chain(of_keys)
            .map(|stem| format!("{stem}_BASE_URL"))
            .collect()
    }

    /// Whether the address that goes by a key's name is this provider's: `OLLAMA_BASE_URL` is that of the local server,
    /// which takes no key, and not that of the cloud service, which does.
    fn owns(&self, key: &str) -> bool {
        let stem = key.trim_end_matches("_API_KEY").to_lowercase().replace('_', "-");
        find(&stem).is_none_or(|namesake| namesake.keys.contains(&key))
    }

    /// Base URLs come as each provider's own SDK takes them: some end in the version, some do not.
    fn complete(&self, base_url: &str, usual: &str) -> String {
        let base_url = base_url.trim_end_matches('/');
        let version = match self.protocol {
            Protocol::Anthropic => "/v1",
            Protocol::Gemini => "/v1beta",
            _ if self.keys.contains(&"OPENAI_API_KEY") || has_path(base_url) => "",
            _ => path(usual),
        };
        if base_url.ends_with(version) {
            format!("{base_url}/")
        } else {
            format!("{base_url}{version}/")
        }
    }
}

fn is_base_url(text: &str) -> bool {
    let is_fit = |url: Url| {
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        matches!(url.scheme(), "http" | "https") && has_host && url.query().is_none() && url.fragment().is_none()
    };
    Url::parse(text).is_ok_and(is_fit)
}

fn has_path(url: &str) -> bool {
    !path(url).is_empty()
}

/// The path of a URL without the slash at its end.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |slash| rest[slash..].trim_end_matches('/'))
}

fn variable(name: impl AsRef<str>) -> Option<String> {
    let value = std::env::var(name.as_ref()).ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}
