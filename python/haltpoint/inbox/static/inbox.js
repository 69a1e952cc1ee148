// Keeps an open page up to date. Without it all works the same, and a reload shows what is new.
"use strict";

const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("haltpoint", { createHTML: (text) => text })
  : { createHTML: (text) => text };

const announcer = document.getElementById("announcer");
const signedOut = document.getElementById("signed-out");
let isLoading = false;
let isOutdated = false;

function announce(text) {
  if (text && announcer.textContent !== text) {
    announcer.textContent = text;
  }
}

// The server escapes all that it did not write itself; the page's policy runs no script that it did not bring.
async function loadPage() {
  const response = await fetch(document.body.dataset.page ?? location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  signedOut.hidden = response.status !== 401;
  return response.ok ? new DOMParser().parseFromString(policy.createHTML(await response.text()), "text/html") : null;
}

function openDetails(region) {
  return [...region.querySelectorAll("details")].map((details) => details.open);
}

function scrolled(region) {
  return [...region.querySelectorAll("[tabindex='0']")].map((part) => part.scrollLeft);
}

function typed(region) {
  return [...region.querySelectorAll("input[id], textarea[id], select[id]")].map(({ id, value, checked }) => ({ id, value, checked }));
}

function restore(region, open, positions, values) {
  values.forEach(({ id, value, checked }) => {
    const same = document.getElementById(id);
    if (same) {
      Object.assign(same, { value, checked });
    }
  });
  region.querySelectorAll("details").forEach((details, index) => {
    details.open = open[index] ?? details.open;
  });
  region.querySelectorAll("[tabindex='0']").forEach((part, index) => {
    part.scrollLeft = positions[index] ?? 0;
  });
}

const FOCUSABLE = "a[href], button, summary, input, textarea, select, [tabindex]";

function focusKey(element) {
  return element.id || element.getAttribute("href");
}

// What tells the focused element from others, or else its place among those of its kind.
function focused(region) {
  const element = region.contains(document.activeElement) ? document.activeElement : null;
  const place = [...region.querySelectorAll(FOCUSABLE)].indexOf(element);
  return element && { key: focusKey(element), place };
}

function refocus(region, was) {
  const elements = [...region.querySelectorAll(FOCUSABLE)];
  const same = was.key ? elements.find((element) => focusKey(element) === was.key) : elements[was.place];
  same?.focus({ preventScroll: true });
}

// Ages alone change each second; they are no news.
function content(region) {
  const copy = region.cloneNode(true);
  copy.querySelectorAll("time").forEach((time) => time.replaceChildren());
  copy.querySelectorAll("details").forEach((details) => details.removeAttribute("open"));
  copy.querySelectorAll("[name='form_token']").forEach((input) => input.removeAttribute("value"));
  return copy.innerHTML;
}

function replace(region, fresh) {
  if (content(region) === content(fresh)) {
    return;
  }
  const open = openDetails(region);
  const positions = scrolled(region);
  const values = typed(region);
  const was = focused(region);
  region.replaceChildren(...document.importNode(fresh, true).childNodes);
  restore(region, open, positions, values);
  if (was) {
    refocus(region, was);
  }
  if (fresh.dataset.announce !== region.dataset.announce) {
    region.dataset.announce = fresh.dataset.announce ?? "";
    announce(fresh.dataset.announce);
  }
}

// Whether somebody changed a field. What came back from the server with a refusal was typed before.
function isTyped(field, question) {
  if (field.type === "hidden") {
    return false;
  }
  if (field.type === "checkbox") {
    return field.checked !== field.defaultChecked;
  }
  if (field.tagName === "SELECT") {
    const shown = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(0, shown);
  }
  return field.value !== field.defaultValue || ("given" in question.dataset && field.value !== "");
}

function typedFields(question) {
  return [...question.querySelectorAll("input, textarea, select")].filter((field) => isTyped(field, question));
}

// What somebody is typing is never taken away: a question that is decided by now goes, but for what was typed into it.
function replaceQuestions(page) {
  const here = document.getElementById("questions");
  const fresh = page.getElementById("questions");
  if (!here || !fresh || here.dataset.questions === fresh.dataset.questions) {
    return;
  }
  here.querySelectorAll(".question").forEach((question) => {
    if (!page.getElementById(question.id)) {
      closeQuestion(question, "This is decided by now, by somebody else or in another window: see below.");
    }
  });
  here.querySelectorAll(".question:not(.closed)").forEach((question) => {
    const same = page.getElementById(question.id);
    if (same && same.dataset.approvals !== question.dataset.approvals && typedFields(question).length === 0) {
      const hadFocus = question.contains(document.activeElement);
      const fresh = document.importNode(same, true);
      question.replaceWith(fresh);
      announce("Somebody else approved this call");
      if (hadFocus) {
        fresh.focus();
      }
    }
  });
  const section = here.querySelector(".questions");
  fresh.querySelectorAll(".question").forEach((question) => {
    if (!document.getElementById(question.id)) {
      (section ?? here).append(document.importNode(question, true));
      announce("The run waits for one more decision");
    }
  });
  here.dataset.questions = fresh.dataset.questions;
}

function closeQuestion(question, reason) {
  if (question.classList.contains("closed")) {
    return;
  }
  const hadFocus = question.contains(document.activeElement);
  const typed = typedFields(question);
  const title = question.querySelector("h3");
  const notice = document.createElement("p");
  notice.className = "message";
  notice.textContent = typed.length > 0 ? `${reason} What you typed was not sent, and stays here until you leave the page.` : reason;
  keepOnly(question, [title, ...typed]);
  typed.forEach((field) => {
    field.readOnly = true;
    field.disabled = field.type === "checkbox" || field.tagName === "SELECT";
  });
  title.after(notice);
  question.classList.add("closed");
  announce(notice.textContent);
  if (hadFocus && !question.contains(document.activeElement)) {
    question.focus();
  }
}

// Takes out all but these elements, what they stand in, and their fields' labels. None of them is moved: one that is
// typed into would lose the focus.
function keepOnly(parent, kept) {
  [...parent.children].forEach((child) => {
    if (kept.includes(child)) {
      return;
    }
    if (child.matches(".field") && kept.some((element) => child.contains(element))) {
      child.querySelector(".hint")?.remove();
    } else if (kept.some((element) => child.contains(element))) {
      keepOnly(child, kept);
    } else {
      child.remove();
    }
  });
}

// A server that was started anew may know no forms that were made before.
function renewForms(page) {
  const fresh = page.querySelector("[name='form_token']");
  document.querySelectorAll("[name='form_token']").forEach((input) => {
    input.value = fresh?.value || input.value;
  });
}

async function refresh() {
  if (isLoading) {
    isOutdated = true;
    return;
  }
  isLoading = true;
  try {
    const page = await loadPage();
    if (page) {
      document.querySelectorAll("[data-live]").forEach((region) => {
        const fresh = page.getElementById(region.id);
        if (fresh) {
          replace(region, fresh);
        }
      });
      replaceQuestions(page);
      renewForms(page);
    }
  } finally {
    isLoading = false;
  }
  if (isOutdated) {
    isOutdated = false;
    await refresh();
  }
}

const UNITS = [["d", 86400], ["h", 3600], ["m", 60]];

// In the words of the server.
function age(moment) {
  const seconds = Math.max(0, Math.floor((Date.now() - moment) / 1000));
  const [unit, length] = UNITS.find((unit) => seconds >= unit[1]) ?? ["s", 1];
  return `${Math.floor(seconds / length)}${unit}`;
}

function growOlder() {
  document.querySelectorAll("time[title]").forEach((time) => {
    const moment = Date.parse(time.dateTime);
    time.textContent = age("left" in time.dataset ? 2 * Date.now() - moment : moment);
  });
}

// By the clock of the server, which is what counts there.
const ahead = Date.now() - Number(document.body.dataset.now ?? Date.now());

function isOver(time) {
  return Date.parse(time) <= Date.now() - ahead;
}

function expire() {
  document.querySelectorAll(".question[data-expires]").forEach((question) => {
    if (isOver(question.dataset.expires)) {
      closeQuestion(question, "This has expired: nobody decided in time, and nobody can decide any more.");
    }
  });
  document.querySelectorAll(".term time[data-left]").forEach((time) => {
    if (isOver(time.dateTime)) {
      time.parentElement.textContent = "expired";
    }
  });
}

let source = null;

function watch() {
  let seen = document.body.dataset.version;
  let hasBegun = source !== null;
  source = new EventSource(document.body.dataset.events);
  source.addEventListener("open", () => {
    if (hasBegun) {
      refresh();
    }
    hasBegun = true;
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      refresh();
    }
  });
  source.addEventListener("change", (event) => {
    // The first word says where things stand: what happened since the page was made, or since the line broke, is news.
    if (seen !== event.data) {
      seen = event.data;
      refresh();
    }
  });
}

window.addEventListener("pagehide", () => source?.close());

// Whoever was signed out may have signed in again in another tab.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && source?.readyState === EventSource.CLOSED) {
    watch();
  }
});

// A decision is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent || event.target.closest(".closed")) {
    event.preventDefault();
  }
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted && source) {
    watch();
  }
  document.querySelectorAll("form").forEach((form) => delete form.dataset.sent);
});

// What matters in a run that goes on is its end.
document.querySelectorAll("[data-latest]").forEach((picture) => {
  const lanes = picture.querySelector(".lane-names").getBoundingClientRect();
  const starts = [...picture.querySelectorAll(".bar rect")].map((bar) => bar.getBoundingClientRect().left);
  // What began last stands beside the names of the lanes, with its label.
  picture.scrollLeft += Math.max(...starts) - lanes.right - 8;
});
document.querySelector("main [role='alert']:not([hidden]), #done")?.focus();
if (document.body.dataset.events) {
  watch();
  setInterval(growOlder, 10_000);
  setInterval(expire, 1_000);
  expire();
}
