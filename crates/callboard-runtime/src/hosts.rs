//! The declared actors of a runtime, by name: [`Hosts`].

use std::sync::Arc;

use callboard_core::declaration::{ActorKind, INIT_ACTIONS, STATE_ACTIONS, fold};
use callboard_core::port::{ActorHost, TurnAction};
use callboard_core::{ActorId, Code, Declaration, Error};
use rapidhash::RapidHashMap;

use crate::metrics::ActorMetrics;

/// One declared actor.
pub(crate) struct HostEntry {
    pub(crate) host: Arc<dyn ActorHost>,
    pub(crate) declaration: Arc<Declaration>,
    pub(crate) metrics: ActorMetrics,
}

/// What a caller's action name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Run(TurnAction),
    State,
}

impl HostEntry {
    /// Finds the action that a caller means.
    pub(crate) fn resolve(&self, action: &str) -> Result<Asked, Error> {
        if let Some(index) = self.declaration.action(action) {
            return Ok(Asked::Run(TurnAction::Action(index)));
        }
        let folded = fold(action);
        if STATE_ACTIONS.contains(&folded.as_str()) {
            return Ok(Asked::State);
        }
        let known: Vec<&str> = self.declaration.actions.iter().map(|a| a.name.as_str()).collect();
        let hint =
            if INIT_ACTIONS.contains(&folded.as_str()) { " (init runs by itself at each activation)" } else { "" };
        Err(Error::new(
            Code::ActionNotFound,
            format!(
                "actor {} has no action {:?}{hint}; it has: {}",
                self.declaration.name,
                action.chars().take(64).collect::<String>(),
                known.join(", ")
            ),
        ))
    }

    /// Whether some handler of an action takes a payload type.
    pub(crate) fn takes(&self, action: usize, type_name: &str) -> bool {
        self.declaration.actions[action]
            .handlers
            .iter()
            .any(|handler| handler.input.as_ref().is_none_or(|input| input.name == *type_name))
    }
}

/// Every declared actor. Fixed at start.
pub(crate) struct Hosts(RapidHashMap<String, Arc<HostEntry>>);

impl Hosts {
    /// Checks the declarations and files them by name.
    pub(crate) fn new(hosts: Vec<Arc<dyn ActorHost>>) -> Result<Self, Error> {
        let mut by_name = RapidHashMap::default();
        for host in hosts {
            let declaration = Arc::clone(host.declaration());
            declaration.validate().map_err(|error| Error::new(Code::InvalidPayload, error.to_string()))?;
            let name = declaration.name.to_string();
            let metrics = ActorMetrics::new(&name);
            let entry = Arc::new(HostEntry { host, declaration, metrics });
            if by_name.insert(name.clone(), entry).is_some() {
                return Err(Error::new(
                    Code::InvalidPayload,
                    format!("two actors are declared under the name {name:?}; give one of them another name"),
                ));
            }
        }
        Ok(Self(by_name))
    }

    /// The declaration behind an identity.
    pub(crate) fn of(&self, id: &ActorId) -> Result<&Arc<HostEntry>, Error> {
        let Some(entry) = self.0.get(id.declared()) else {
            return Err(Error::new(
                Code::ActorNotFound,
                format!("no actor {:?} is declared in this system", id.declared().chars().take(64).collect::<String>()),
            ));
        };
        match (entry.declaration.kind, id.parent()) {
            (ActorKind::Named, None) | (ActorKind::Unnamed, Some(_)) => Ok(entry),
            (ActorKind::Named, Some(parent)) => Err(Error::new(
                Code::ActorNotFound,
                format!("actor {parent} is named and has no instances; address it as {parent:?}"),
            )),
            (ActorKind::Unnamed, None) => Err(Error::new(
                Code::ActorNotFound,
                format!("actor {id} is a template; address one of its instances, e.g. \"{id}/42\""),
            )),
        }
    }

    /// All of them, by name.
    pub(crate) fn sorted(&self) -> Vec<&Arc<HostEntry>> {
        let mut all: Vec<_> = self.0.values().collect();
        all.sort_by(|a, b| a.declaration.name.cmp(&b.declaration.name));
        all
    }
}
