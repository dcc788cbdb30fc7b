//! What can be written on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use callboard_node::config::{LogFormat, Span};

use crate::exit::EXIT_CODES;
use crate::start::From;

/// Virtual actors with named broadcast channels: starts a node, and talks to a running one.
#[derive(Debug, Parser)]
#[command(name = "callboard", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Arguments {
    /// The node to talk to.
    #[arg(long, global = true, env = "CALLBOARD_URL", default_value = "http://127.0.0.1:4000", value_name = "URL")]
    pub(crate) url: String,

    /// Who you are: the token that the node asks for.
    #[arg(long, global = true, env = "CALLBOARD_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,

    /// Answer in JSON, one object per line, for programs. Errors too.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a node without actors of its own: topics, streams and the operator's API.
    Serve(Serve),
    /// Start the order system that shows what Callboard does.
    Demo(Demo),
    /// Invoke an action of an actor and show what it gives back.
    Invoke(Invoke),
    /// Publish on a topic.
    Publish(Publish),
    /// Follow the topics of a pattern.
    Tail(Tail),
    /// List, show and delete actors.
    Actors(Actors),
    /// What was set aside after its last attempt: list, show, retry, drop.
    DeadLetters(DeadLetters),
    /// Subscriptions that stopped at a publication: list, retry, skip.
    Parked(Parked),
    /// List timers in the order in which they are due.
    Timers(Timers),
    /// Show who would hear a topic, and how it is kept.
    Explain {
        /// The topic, e.g. order.events
        topic: String,
    },
    /// List the durable topics on which something was published.
    Topics {
        /// Only topics of this pattern.
        pattern: Option<String>,
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The configuration file [default: callboard.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The system's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Option<String>,
    /// The folder of the store.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Where clients connect; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", value_parser = log_format)]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged, e.g. info or warn,callboard_runtime=debug
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// The folder of the store.
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Where clients connect; port 0 takes a free one [default: 127.0.0.1:4000, or a free port when that one is taken]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Args, Debug)]
pub(crate) struct Invoke {
    /// The actor: a name, or parent/name for an instance.
    pub(crate) actor: String,
    /// The action, e.g. create_order
    pub(crate) action: String,
    /// What the action takes: JSON, @file, or - for standard input. Nothing when left out.
    pub(crate) payload: Option<String>,
    /// The payload's type, when the action takes several.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) type_name: Option<String>,
    /// Makes the call happen once: the same key and payload gets the recorded response.
    #[arg(long, value_name = "KEY", conflicts_with = "detach")]
    pub(crate) key: Option<String>,
    /// How long the answer is waited for, e.g. 5s or 2m
    #[arg(long, value_name = "TIME", default_value = "60s", conflicts_with = "detach")]
    pub(crate) deadline: Span,
    /// Have the call accepted durably instead of waiting for its answer.
    #[arg(long = "async")]
    pub(crate) detach: bool,
    /// What travels with the call; may be repeated.
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(crate) struct Publish {
    /// The topic, e.g. order.events
    pub(crate) topic: String,
    /// What is published: JSON, @file, or - for standard input. Nothing when left out.
    pub(crate) payload: Option<String>,
    /// The payload's type, e.g. shop.v1.OrderCreated
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) type_name: Option<String>,
    /// What travels with it; may be repeated.
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(crate) struct Tail {
    /// Which topics: order.events, order.*, order.>
    pub(crate) pattern: String,
    /// From where: live, beginning, a time (2026-11-20T10:00:00Z, or 5m for five minutes ago), or the position after which to
    /// go on (epoch-seq, for a single topic)
    #[arg(long, value_name = "START", default_value = "live", value_parser = From::parse)]
    pub(crate) from: From,
    /// Stop after so many publications.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Stop at the end of what is kept.
    #[arg(long)]
    pub(crate) no_follow: bool,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Actors {
    #[command(subcommand)]
    pub(crate) command: Option<ActorsCommand>,
    #[command(flatten)]
    pub(crate) list: ActorsList,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ActorsCommand {
    /// List the actors of which something is stored.
    List(ActorsList),
    /// List what is declared: actors, actions, channels.
    Declared,
    /// Show the state of an actor without running its code.
    Show {
        /// The actor: a name, or parent/name for an instance.
        id: String,
        /// As it was at this revision (the last 100 are kept).
        #[arg(long, value_name = "N", conflicts_with = "at")]
        revision: Option<u64>,
        /// As it was at this time: 2026-11-20T10:00:00Z, or 5m for five minutes ago.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// End an actor's activation and remove everything stored of it.
    Delete {
        /// The actor: a name, or parent/name for an instance.
        id: String,
    },
}

#[derive(Args, Debug, Default)]
pub(crate) struct ActorsList {
    /// Only instances of this declared actor, or the named actor itself.
    #[arg(long, value_name = "NAME")]
    pub(crate) of: Option<String>,
    /// Only ids that start with this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) prefix: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    pub(crate) command: Option<DeadLettersCommand>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them, oldest first.
    List {
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one with its payload.
    Show {
        /// Its id.
        id: String,
    },
    /// Send one, or all, to their actors once more.
    Retry {
        /// Its id.
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// All that are there now.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Drop one.
    Drop {
        /// Its id.
        id: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Parked {
    #[command(subcommand)]
    pub(crate) command: Option<ParkedCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParkedCommand {
    /// List them.
    List,
    /// Go on with the publication at which it stopped.
    Retry(ParkedOne),
    /// Go on behind the publication at which it stopped.
    Skip(ParkedOne),
}

#[derive(Args, Debug)]
pub(crate) struct ParkedOne {
    /// Who stopped: the actor or external subscriber, as listed.
    pub(crate) subscriber: String,
    /// On which topic.
    pub(crate) topic: String,
    /// Through which pattern, when it listens through several.
    #[arg(long)]
    pub(crate) pattern: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Timers {
    /// Only those of this actor.
    pub(crate) actor: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} has no '='; write name=value"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("write human or json".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_list_can_be_asked_for_with_and_without_its_word() {
        for line in
            [["callboard", "actors", "--prefix", "a"].as_slice(), &["callboard", "actors", "list", "--prefix", "a"]]
        {
            assert!(Arguments::try_parse_from(line).is_ok(), "{line:?}");
        }
        assert!(Arguments::try_parse_from(["callboard", "invoke", "a", "b", "--async", "--key", "k"]).is_err());
    }
}
