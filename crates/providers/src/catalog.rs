//! The providers, and where their keys and addresses come from.

use reqwest::Url;

use crate::protocol::{Anthropic, Bedrock, ChatCompletions, Gemini, Protocol, Responses};

/// The variables of an environment.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Environment<'a> {
    /// An environment whose variables `variable` knows by their names.
    pub(crate) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(variable)
    }

    /// A variable's value; a blank one counts as none.
    fn get(self, name: &str) -> Option<String> {
        let value = (self.0)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

/// A provider as the first part of a model's name names it.
pub(crate) struct Provider {
    /// What stands before the slash.
    pub(crate) prefix: &'static str,
    pub(crate) protocol: &'static dyn Protocol,
    /// Environment variables that may hold the key, the usual one first; none for a server that asks for none.
    keys: &'static [&'static str],
    /// The provider's own address, in which [`REGION`] may stand.
    address: &'static str,
}

/// What stands in an address for the region that the environment names.
const REGION: &str = "{region}";
/// The region where the environment names none.
const USUAL_REGION: &str = "us-east-1";

/// Names that people also use for a provider.
const ALIASES: &[(&str, &str)] = &[
    ("google", "gemini"),
    ("open_router", "openrouter"),
    ("openai_resp", "openai-responses"),
];

macro_rules! providers {
    ($($prefix:literal $protocol:ident [$($key:literal),*] $address:literal;)*) => {
        &[$(Provider {
            prefix: $prefix,
            protocol: &$protocol,
            keys: &[$($key),*],
            address: $address,
        }),*]
    };
}

/// Every provider. Cohere and Ollama go through their OpenAI-compatible addresses.
static PROVIDERS: &[Provider] = providers! {
    "openai"           ChatCompletions ["OPENAI_API_KEY"] "https://api.openai.com/v1/";
    "openai-responses" Responses       ["OPENAI_API_KEY"] "https://api.openai.com/v1/";
    "anthropic"        Anthropic       ["ANTHROPIC_API_KEY"] "https://api.anthropic.com/v1/";
    "gemini"           Gemini          ["GEMINI_API_KEY", "GOOGLE_API_KEY"]
        "https://generativelanguage.googleapis.com/v1beta/";
    "bedrock"          Bedrock         ["BEDROCK_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"]
        "https://bedrock-runtime.{region}.amazonaws.com/";
    "groq"             ChatCompletions ["GROQ_API_KEY"] "https://api.groq.com/openai/v1/";
    "xai"              ChatCompletions ["XAI_API_KEY"] "https://api.x.ai/v1/";
    "deepseek"         ChatCompletions ["DEEPSEEK_API_KEY"] "https://api.deepseek.com/v1/";
    "mistral"          ChatCompletions ["MISTRAL_API_KEY"] "https://api.mistral.ai/v1/";
    "openrouter"       ChatCompletions ["OPENROUTER_API_KEY", "OPEN_ROUTER_API_KEY"] "https://openrouter.ai/api/v1/";
    "together"         ChatCompletions ["TOGETHER_API_KEY"] "https://api.together.xyz/v1/";
    "fireworks"        ChatCompletions ["FIREWORKS_API_KEY"] "https://api.fireworks.ai/inference/v1/";
    "cohere"           ChatCompletions ["COHERE_API_KEY", "CO_API_KEY"] "https://api.cohere.ai/compatibility/v1/";
    "ollama"           ChatCompletions [] "http://localhost:11434/v1/";
    "ollama-cloud"     ChatCompletions ["OLLAMA_API_KEY"] "https://ollama.com/v1/";
    "moonshot"         ChatCompletions ["MOONSHOT_API_KEY"] "https://api.moonshot.cn/v1/";
    "kimi"             ChatCompletions ["KIMI_API_KEY", "MOONSHOT_API_KEY"] "https://api.moonshot.ai/v1/";
    "minimax"          Anthropic       ["MINIMAX_API_KEY"] "https://api.minimax.io/anthropic/v1/";
    "zai"              ChatCompletions ["ZAI_API_KEY"] "https://api.z.ai/api/paas/v4/";
    "bigmodel"         ChatCompletions ["BIGMODEL_API_KEY"] "https://open.bigmodel.cn/api/paas/v4/";
    "aliyun"           ChatCompletions ["ALIYUN_API_KEY", "DASHSCOPE_API_KEY"]
        "https://dashscope.aliyuncs.com/compatible-mode/v1/";
    "qwen-cloud"       ChatCompletions ["QWEN_CLOUD_API_KEY", "DASHSCOPE_API_KEY"]
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/";
    "baidu"            ChatCompletions ["BAIDU_API_KEY"] "https://qianfan.baidubce.com/v2/";
    "mimo"             ChatCompletions ["MIMO_API_KEY"] "https://api.mimo.com/openai/v1/";
    "nebius"           ChatCompletions ["NEBIUS_API_KEY"] "https://api.studio.nebius.ai/v1/";
    "github"           ChatCompletions ["GITHUB_TOKEN"] "https://models.github.ai/inference/";
    "aihubmix"         ChatCompletions ["AIHUBMIX_API_KEY"] "https://aihubmix.com/v1/";
    "requesty"         ChatCompletions ["REQUESTY_API_KEY"] "https://router.requesty.ai/v1/";
    "atlascloud"       ChatCompletions ["ATLASCLOUD_API_KEY"] "https://api.atlascloud.ai/v1/";
    "api-route"        ChatCompletions ["API_ROUTE_API_KEY"] "https://global.api-route.com/v1/";
    "heabsy"           ChatCompletions ["HEABSY_API_KEY"] "https://api.heabsy.com/v1/";
    "runcrate"         ChatCompletions ["RUNCRATE_API_KEY"] "https://api.runcrate.ai/v1/";
    "cloudgpu"         ChatCompletions ["CLOUDGPU_API_KEY"] "https://cloudgpu.app/v1/";
};

/// Splits "provider/model", where the model's own name may hold slashes.
///
/// # Errors
/// The words for the user when there is no prefix, or an unknown one.
pub(crate) fn parse(model: &str) -> Result<(&'static Provider, &str), String> {
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
pub(crate) fn prefixes() -> Vec<&'static str> {
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
    /// The key; None for a provider that needs none.
    ///
    /// # Errors
    /// The words for the user, naming the variable.
    pub(crate) fn key(&self, environment: Environment<'_>) -> Result<Option<String>, String> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        self.keys
            .iter()
            .find_map(|key| environment.get(key))
            .map(Some)
            .ok_or_else(|| {
                format!(
                    "no API key for {}: set the environment variable {}",
                    self.prefix,
                    self.keys.join(" or ")
                )
            })
    }

    /// The provider's own address, in the region that the environment names where there are several.
    pub(crate) fn usual_address(&self, environment: Environment<'_>) -> String {
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .iter()
            .find_map(|name| environment.get(name));
        self.address.replace(REGION, region.as_deref().unwrap_or(USUAL_REGION))
    }

    /// The address to send to: the usual one, unless the environment holds another.
    ///
    /// # Errors
    /// The words for the user, naming the variable and not its value, which may hold a password.
    pub(crate) fn address(&self, environment: Environment<'_>, usual: &str) -> Result<String, String> {
        let variables = self.base_url_variables();
        let found = variables.iter().find_map(|name| Some((name, environment.get(name)?)));
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
        let version = match self.protocol.version_path() {
            Some(version) => version,
            None if self.keys.contains(&"OPENAI_API_KEY") || has_path(base_url) => "",
            None => path(usual),
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
