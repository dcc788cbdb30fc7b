// What any Rails front end does: the stock client, three channels, entities by their key, and a reload when it is told to.
import { createConsumer } from "/campaign/actioncable.esm.js";
import table from "/campaign/table.js";

const find = (id) => document.getElementById(id);
const state = { characters: new Map(), fights: new Map(), fight: null };
let consumer, campaign, fightChannel, reloading;

function show(text, connection) {
  const output = find("connection");
  output.textContent = text;
  output.dataset.state = connection;
}

function take(person) {
  consumer?.disconnect();
  Object.assign(state, { characters: new Map(), fights: new Map(), fight: null });
  for (const id of ["said", "notices"]) find(id).replaceChildren();
  draw();
  show("connecting", "disconnected");
  fightChannel = null;
  consumer = createConsumer(`/cable?token=${encodeURIComponent(person.token)}`);
  // What is asked for comes back over one's own channel, so that one comes first.
  consumer.subscriptions.create("UserChannel", {
    connected() { join(); },
    received: receive,
  });
}

function join() {
  if (campaign?.consumer === consumer) return reload();
  campaign = consumer.subscriptions.create({ channel: "CampaignChannel", id: table.campaign }, {
    connected() { show("connected", "connected"); reload(); },
    disconnected() { show("connection lost, trying again", "disconnected"); },
    rejected() { show("you do not play here", "rejected"); },
    received: receive,
  });
}

// Many reloads in a short while are one question.
function reload() {
  clearTimeout(reloading);
  reloading = setTimeout(() => {
    campaign.perform("show", {});
    if (state.fight) fightChannel?.perform("show", {});
  }, 100);
}

function receive(message) {
  find("count").textContent = Number(find("count").textContent) + 1;
  if (message.character) state.characters.set(message.character.id, { ...message.character, changed: true });
  if (message.fight) {
    state.fights.set(message.fight.id, message.fight.name);
    if (message.fight.id === state.fight?.id) state.fight = message.fight;
  }
  if (message.characters === "reload" || message.fights === "reload") reload();
  if (message.campaign === table.campaign) {
    state.characters = new Map(message.characters.map((character) => [character.id, character]));
    state.fights = new Map(Object.entries(message.fights));
  }
  if (message.said) line("said", `${message.said.author}: ${message.said.text}`);
  if (message.notice) line("notices", message.notice);
  draw();
}

function watch(id) {
  fightChannel?.unsubscribe();
  state.fight = { id, name: state.fights.get(id), round: "…", shots: {} };
  fightChannel = consumer.subscriptions.create({ channel: "FightChannel", id }, {
    connected() { this.perform("show", {}); },
    received: receive,
  });
  draw();
}

function line(list, text) {
  find(list).append(item([text]));
  find(list).lastChild.scrollIntoView({ block: "nearest" });
}

function item(parts) {
  const li = document.createElement("li");
  const [text, ...rest] = parts;
  const span = document.createElement("span");
  span.textContent = text;
  li.append(span, ...rest);
  return li;
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.onclick = act;
  return made;
}

function draw() {
  find("characters").replaceChildren(...[...state.characters.values()].map((character) => {
    const { id, name, owner, hit_points, hidden } = character;
    const hit = (points) => () => campaign.perform("hit", { id, points });
    const li = item([
      `${name} (${owner}) ${hit_points}`,
      button("hit", hit(-1)), button("heal", hit(1)),
      button("act", () => fightChannel?.perform("act", { fighter: name, shots: 3 })),
      button("remove", () => campaign.perform("delete_character", { id })),
    ]);
    li.classList.toggle("hidden-one", hidden);
    li.classList.toggle("changed", Boolean(character.changed));
    li.dataset.character = name;
    character.changed = false;
    return li;
  }));
  find("fights").replaceChildren(...[...state.fights].map(([id, name]) => item([name, button("watch", () => watch(id))])));
  find("fight").hidden = !state.fight;
  if (!state.fight) return;
  find("fight-name").textContent = state.fight.name;
  find("round").textContent = state.fight.round;
  const order = Object.entries(state.fight.shots).sort(([, a], [, b]) => b - a);
  find("shots").replaceChildren(...order.map(([fighter, shot]) => item([`${shot} ${fighter}`])));
}

function onSubmit(id, act) {
  find(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act(new FormData(event.target));
    event.target.reset();
  });
}

onSubmit("new-character", (form) => campaign.perform("create_character", { name: form.get("name"), hidden: form.has("hidden") }));
onSubmit("new-fight", (form) => campaign.perform("start_fight", { name: form.get("name") }));
onSubmit("speak", (form) => campaign.perform("speak", { text: form.get("text") }));
find("next-round").onclick = () => fightChannel?.perform("next_round", {});

for (const person of table.people) find("person").append(new Option(`${person.name}, ${person.role}`, person.name));
const chosen = () => table.people.find((person) => person.name === location.hash.slice(1)) ?? table.people[0];
find("person").onchange = () => { location.hash = find("person").value; };
addEventListener("hashchange", () => { find("person").value = chosen().name; take(chosen()); });
find("person").value = chosen().name;
take(chosen());
