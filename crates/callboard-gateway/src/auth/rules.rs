//! [`Rules`]: what a token's claims let its holder do.

use std::collections::BTreeMap;

use callboard_core::{Grants, Pattern, Topic};
use serde_json::{Map, Value};

use super::config::{AuthConfigError, Rule};

/// The claim by which an issuer grants something directly.
const OWN_CLAIM: &str = "callboard";
/// Patterns of one kind that a token may give.
const PATTERNS_MAX: usize = 256;

/// The rules, checked.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<CheckedRule>);

#[derive(Debug)]
struct CheckedRule {
    when: BTreeMap<String, String>,
    subscribe: Vec<Template>,
    publish: Vec<Template>,
    invoke: Vec<Template>,
    admin: bool,
}

/// A pattern with claims in it.
#[derive(Debug)]
struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Claim(String),
}

impl Rules {
    /// Checks the patterns.
    ///
    /// # Errors
    /// One that is none.
    pub(super) fn new(rules: &[Rule]) -> Result<Self, AuthConfigError> {
        let check = |(place, rule): (usize, &Rule)| {
            let templates = |name: &str, texts: &[String]| -> Result<Vec<Template>, AuthConfigError> {
                let wrong = |why: String| AuthConfigError(format!("auth.rules[{place}].{name}: {why}"));
                texts.iter().map(|text| Template::parse(text).map_err(wrong)).collect()
            };
            Ok(CheckedRule {
                when: rule.when.clone(),
                subscribe: templates("subscribe", &rule.subscribe)?,
                publish: templates("publish", &rule.publish)?,
                invoke: templates("invoke", &rule.invoke)?,
                admin: rule.admin,
            })
        };
        rules.iter().enumerate().map(check).collect::<Result<_, _>>().map(Self)
    }

    /// What the claims grant, added to what is granted anyway.
    ///
    /// # Errors
    /// When the claim `callboard` has not its form, or it is too much.
    pub(super) fn grants(&self, claims: &Map<String, Value>, mut grants: Grants) -> Result<Grants, String> {
        if let Some(own) = claims.get(OWN_CLAIM) {
            add_own(&mut grants, own)?;
        }
        for rule in self.0.iter().filter(|rule| rule.applies(claims)) {
            grants.admin |= rule.admin;
            for (templates, patterns) in [
                (&rule.subscribe, &mut grants.subscribe),
                (&rule.publish, &mut grants.publish),
                (&rule.invoke, &mut grants.invoke),
            ] {
                templates.iter().try_for_each(|template| template.fill(claims, patterns))?;
            }
        }
        Ok(grants)
    }
}

fn add_own(grants: &mut Grants, own: &Value) -> Result<(), String> {
    let own = own.as_object().ok_or("its claim callboard is not an object")?;
    for (name, patterns) in
        [("subscribe", &mut grants.subscribe), ("publish", &mut grants.publish), ("invoke", &mut grants.invoke)]
    {
        let Some(value) = own.get(name) else { continue };
        let wrong = || format!("its claim callboard.{name} is not a list of patterns");
        for text in value.as_array().ok_or_else(wrong)? {
            let text = text.as_str().ok_or_else(wrong)?;
            patterns.push(Pattern::parse(text).map_err(|_| wrong())?);
        }
        check_len(patterns.len())?;
    }
    match own.get("admin") {
        None => {}
        Some(Value::Bool(admin)) => grants.admin |= *admin,
        Some(_) => return Err("its claim callboard.admin is not true or false".to_owned()),
    }
    Ok(())
}

impl CheckedRule {
    fn applies(&self, claims: &Map<String, Value>) -> bool {
        self.when.iter().all(|(name, wanted)| match find(claims, name) {
            Some(Value::Array(items)) => items.iter().any(|item| text_of(item).as_ref() == Some(wanted)),
            Some(value) => text_of(value).as_ref() == Some(wanted),
            None => false,
        })
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut example, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((claim, after)) = behind.split_once('}') else {
                return Err(format!("{text:?} has a {{ without }}"));
            };
            if claim.is_empty() {
                return Err(format!("{text:?} has {{}}; name the claim, e.g. {{sub}}"));
            }
            example.push_str(before);
            example.push('x');
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Claim(claim.to_owned()));
            rest = after;
        }
        example.push_str(rest);
        parts.push(Part::Text(rest.to_owned()));
        Pattern::parse(&example).map_err(|error| format!("{text:?}: {error}"))?;
        Ok(Self(parts))
    }

    // Adds the patterns that the claims make of it. What a claim says stays within its token, so that nobody widens a pattern by a
    // clever name.
    fn fill(&self, claims: &Map<String, Value>, patterns: &mut Vec<Pattern>) -> Result<(), String> {
        let mut made = vec![String::new()];
        for part in &self.0 {
            let values = match part {
                Part::Text(text) => vec![text.clone()],
                Part::Claim(name) => tokens_of(find(claims, name)),
            };
            check_len(made.len() * values.len())?;
            made = made.iter().flat_map(|text| values.iter().map(move |value| format!("{text}{value}"))).collect();
        }
        // Together they may be longer than a topic is.
        patterns.extend(made.iter().filter_map(|text| Pattern::parse(text).ok()));
        check_len(patterns.len())
    }
}

fn check_len(len: usize) -> Result<(), String> {
    if len > PATTERNS_MAX { Err(format!("it grants more than {PATTERNS_MAX} patterns")) } else { Ok(()) }
}

// A claim by its name, which may be an address with dots, or by the path to it.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    find(claims.get(outer)?.as_object()?, inner)
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

// What a claim gives as tokens of a topic.
fn tokens_of(value: Option<&Value>) -> Vec<String> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    let is_token = |text: &String| {
        let plain = Topic::parse(text).is_ok() && !text.contains('.');
        if !plain {
            tracing::debug!("a claim is no single token of a topic; the pattern with it is left out");
        }
        plain
    };
    items.iter().filter_map(text_of).filter(is_token).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(subscribe: &[&str]) -> Rule {
        Rule { subscribe: subscribe.iter().map(|text| (*text).to_owned()).collect(), ..Rule::default() }
    }

    fn granted(rules: &[Rule], claims: &Value) -> Result<Grants, String> {
        Rules::new(rules).unwrap().grants(claims.as_object().unwrap(), Grants::default())
    }

    fn followed(rules: &[Rule], claims: &Value) -> Vec<String> {
        granted(rules, claims).unwrap().subscribe.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn claims_stand_in_patterns_as_single_tokens() {
        let rules = [rule(&["user.{sub}.>", "news.*", "org.{org.id}.{sub}", "room-{rooms}"])];
        let claims = json!({ "sub": "u1", "org": { "id": 7 }, "rooms": ["a", "b"] });
        assert_eq!(followed(&rules, &claims), ["user.u1.>", "news.*", "org.7.u1", "room-a", "room-b"]);
        for clever in ["*", ">", "a.b", "a b", "", "a.>"] {
            assert_eq!(followed(&rules, &json!({ "sub": clever })), ["news.*"], "{clever:?}");
        }
        assert_eq!(followed(&rules, &json!({ "sub": { "a": 1 }, "rooms": [1.5, null, "*"] })), ["news.*"]);
        let named = [rule(&["x.{https://example.com/tenant}"])];
        assert_eq!(followed(&named, &json!({ "https://example.com/tenant": "t" })), ["x.t"]);
    }

    #[test]
    fn a_rule_counts_for_tokens_with_its_claims() {
        let when = BTreeMap::from([("role".to_owned(), "operator".to_owned())]);
        let rules = [Rule { when, admin: true, ..rule(&[">"]) }, rule(&["public.*"])];
        for (claims, admin) in [
            (json!({ "role": "operator" }), true),
            (json!({ "role": ["reader", "operator"] }), true),
            (json!({ "role": "reader" }), false),
            (json!({ "role": { "operator": true } }), false),
            (json!({}), false),
        ] {
            let grants = granted(&rules, &claims).unwrap();
            assert_eq!((grants.admin, grants.subscribe.contains(&Pattern::all())), (admin, admin), "{claims}");
        }
    }

    #[test]
    fn the_issuer_grants_by_its_own_claim() {
        let claims = json!({ "callboard": {
            "subscribe": ["order.*"], "publish": ["chat.lobby"], "invoke": ["cart.*"], "admin": false, "later": 1,
        } });
        let grants = granted(&[], &claims).unwrap();
        assert_eq!(grants.subscribe, [Pattern::parse("order.*").unwrap()]);
        assert_eq!((grants.publish.len(), grants.invoke.len(), grants.admin), (1, 1, false));
        for wrong in [json!([]), json!({ "subscribe": "a" }), json!({ "publish": ["a..b"] }), json!({ "admin": "yes" })]
        {
            assert!(granted(&[], &json!({ "callboard": wrong })).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_grants_no_more_than_its_bound() {
        let many: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
        assert!(granted(&[rule(&["{a}.{a}"])], &json!({ "a": many })).unwrap_err().contains("256"));
        let own: Vec<String> = (0..257).map(|n| format!("t{n}")).collect();
        assert!(granted(&[], &json!({ "callboard": { "invoke": own } })).unwrap_err().contains("256"));
        assert!(granted(&[rule(&["{a}.x"])], &json!({ "a": many })).is_ok());
    }

    #[test]
    fn a_wrong_rule_is_named() {
        for text in ["a..b", "user.{sub", "user.{}", "user.{sub}.>.x", ""] {
            let error = Rules::new(&[rule(&[]), rule(&[text])]).unwrap_err().to_string();
            assert!(error.contains("auth.rules[1].subscribe"), "{error}");
        }
    }
}
