//! [`Plans`]: which types an action takes. The catalogue never changes after the start, so nobody has to be asked.

use std::collections::HashMap;
use std::sync::Arc;

use callboard_core::declaration::{Handler, STATE_ACTIONS, fold};
use callboard_core::port::Catalogue;
use callboard_core::{ActorId, Code, Declaration, Error, Name};

use super::answer::excerpt;

/// The declared actors, by name.
#[derive(Debug)]
pub(crate) struct Plans {
    by_name: HashMap<Name, Arc<Declaration>>,
    catalogue: Catalogue,
}

/// An action of an actor: its name as it was declared, and what it takes.
#[derive(Debug)]
pub(crate) struct ActionPlan<'a> {
    pub(crate) name: Name,
    pub(crate) handlers: &'a [Handler],
}

// As many names are listed in an error.
const NAMED_MAX: usize = 20;

impl Plans {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        let by_name = catalogue.iter().map(|one| (one.name.clone(), Arc::clone(one))).collect();
        Self { by_name, catalogue }
    }

    /// Everything that is declared.
    pub(super) const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What the caller means by an action of an actor.
    ///
    /// # Errors
    /// `ActorNotFound`, `ActionNotFound`, with what there is.
    pub(crate) fn action(&self, actor: &ActorId, action: &str) -> Result<ActionPlan<'_>, Error> {
        let Some(declaration) = self.by_name.get(actor.declared()) else {
            return Err(self.no_actor(actor.declared()));
        };
        if let Some(place) = declaration.action(action) {
            let action = &declaration.actions[place];
            return Ok(ActionPlan { name: action.name.clone(), handlers: &action.handlers });
        }
        if STATE_ACTIONS.contains(&fold(action).as_str()) {
            return Ok(ActionPlan { name: excerpt(action).to_owned().into(), handlers: &[] });
        }
        let known = list(declaration.actions.iter().map(|action| &action.name));
        let detail = format!("{} has no action {:?}; it has {known}", declaration.name, excerpt(action));
        Err(Error::new(Code::ActionNotFound, detail))
    }

    fn no_actor(&self, name: &str) -> Error {
        let known = list(self.catalogue.iter().map(|one| &one.name));
        Error::new(Code::ActorNotFound, format!("no actor {:?} is declared here; there is {known}", excerpt(name)))
    }
}

fn list<'a>(names: impl ExactSizeIterator<Item = &'a Name>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let mut text = names.take(NAMED_MAX).map(Name::as_str).collect::<Vec<_>>().join(", ");
    match (text.is_empty(), more) {
        (true, _) => "none".clone_into(&mut text),
        (false, 0) => {}
        (false, more) => text.push_str(&format!(" and {more} more")),
    }
    text
}
