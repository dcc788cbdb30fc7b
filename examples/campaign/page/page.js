// What any Rails front end does: the stock client, three channels, entities by their key, and a reload when it is told to.
import { createConsumer } from "/campaign/actioncable.esm.js";
import table from "/campaign/table.js";

const find = (id) => document.getElementById(id);
const state = { characters: new Map(), fights: new Map(), fight: null };
let consumer, campaign, fightChannel, reloading, me;

function show(text, connection) {
  const output = find("connection");
  output.textContent = text;
  output.dataset.state = connection;
  // What is done without a connection would be lost: the client does not keep it.
  for (const control of document.querySelectorAll("main button, main input")) control.disabled = connection !== "connected";
}

function take(person) {
  consumer?.disconnect();
  me = person.name;
  Object.assign(state, { characters: new Map(), fights: new Map(), fight: null });
  for (const id of ["said", "notices"]) find(id).replaceChildren();
  draw();
  show("connecting", "disconnected");
  fightChannel = null;
  const mine = createConsumer(`/cable?token=${encodeURIComponent(person.token)}`);
  consumer = mine;
  // What is asked for comes back over one's own channel, so that one comes first.
  mine.subscriptions.create("UserChannel", {
    connected() { join(mine); },
    received: receive,
  });
}

function join(mine) {
  if (campaign?.consumer === mine) return reload();
  // Whoever was somebody else before still hears that this one's connection has gone.
  const tell = (text, connection) => consumer === mine && show(text, connection);
  campaign = mine.subscriptions.create({ channel: "CampaignChannel", id: table.campaign }, {
    connected() { tell("connected", "connected"); reload(); },
    disconnected() { tell("connection lost, trying again", "disconnected"); },
    rejected() { tell("you do not play here", "rejected"); },
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
  if (newer(message.character, state.characters.get(message.character?.id))) {
    state.characters.set(message.character.id, { ...message.character, changed: true });
  }
  if (message.fight) {
    state.fights.set(message.fight.id, message.fight.name);
    if (message.fight.id === state.fight?.id && newer(message.fight, state.fight)) state.fight = message.fight;
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

// A change that waited for others may come behind a later one that did not.
function newer(entity, known) {
  return entity && !(entity.version < known?.version);
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
  const li = document.createElement("li");
  li.textContent = text;
  find(list).append(li);
  li.scrollIntoView({ block: "nearest" });
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function button(text, act) {
  const made = element("button", "", text);
  made.type = "button";
  made.onclick = act;
  made.disabled = find("connection").dataset.state !== "connected";
  return made;
}

// One element for each key, in this order. Elements stay while they are pointed at, however often something changes.
function list(id, entries, make, update) {
  const known = new Map([...find(id).children].map((li) => [li.dataset.key, li]));
  const rows = entries.map(([key, value]) => {
    const li = known.get(String(key)) ?? Object.assign(document.createElement("li"), { parts: {} });
    if (!li.dataset.key) {
      li.dataset.key = key;
      li.parts = make(key, value);
      li.append(...Object.values(li.parts));
    }
    update(li, value);
    return li;
  });
  if (rows.length !== known.size || rows.some((li, i) => find(id).children[i] !== li)) find(id).replaceChildren(...rows);
}

function newCharacter(id, { name, owner }) {
  const hit = (points) => () => campaign.perform("hit", { id, points });
  const who = element("span", "");
  who.append(element("strong", "", name), element("span", "player", ` ${owner}`));
  const health = Object.assign(element("meter", ""), { min: 0, max: 10, low: 4, optimum: 10 });
  health.setAttribute("aria-label", "hit points");
  const act = button("act", () => fightChannel?.perform("act", { fighter: name, shots: 3 }));
  const remove = button("remove", () => campaign.perform("delete_character", { id }));
  remove.style.visibility = owner === me ? "" : "hidden";
  return { who, health, points: element("span", "points"), hit: button("hit", hit(-1)), heal: button("heal", hit(1)), act, remove };
}

function drawCharacter(li, character) {
  const { health, points, act } = li.parts;
  li.dataset.character = character.name;
  li.classList.toggle("hidden-one", character.hidden);
  health.value = character.hit_points;
  points.textContent = character.hit_points;
  act.hidden = !state.fight;
  if (!character.changed) return;
  character.changed = false;
  // The animation begins again although it may still run.
  li.classList.remove("changed");
  void li.offsetWidth;
  li.classList.add("changed");
}

function draw() {
  list("characters", [...state.characters], newCharacter, drawCharacter);
  const newFight = (id, name) => ({ name: element("span", "", name), watch: button("watch", () => watch(id)) });
  list("fights", [...state.fights], newFight, (li, name) => { li.parts.name.textContent = name; });
  find("fight").hidden = !state.fight;
  if (!state.fight) return;
  find("fight-name").textContent = state.fight.name;
  find("round").textContent = state.fight.round;
  const order = Object.entries(state.fight.shots).sort(([, a], [, b]) => b - a);
  const newFighter = (fighter) => ({ name: element("span", "", fighter), shot: element("span", "points") });
  list("shots", order, newFighter, (li, shot) => { li.parts.shot.textContent = shot; });
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
