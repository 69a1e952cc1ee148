// Keeps an open page up to date. Without it all works the same, and a reload shows what is new.
"use strict";

const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("haltpoint", { createHTML: (text) => text })
  : { createHTML: (text) => text };

const announcer = document.getElementById("announcer");
let isLoading = false;
let isOutdated = false;

function announce(text) {
  if (text && announcer.textContent !== text) {
    announcer.textContent = text;
  }
}

// The server escapes all that it did not write itself; the page's policy runs no script that it did not bring.
async function loadPage() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (response.status === 401) {
    location.reload();
  }
  return response.ok ? new DOMParser().parseFromString(policy.createHTML(await response.text()), "text/html") : null;
}

function openDetails(region) {
  return [...region.querySelectorAll("details")].map((details) => details.open);
}

function scrolled(region) {
  return [...region.querySelectorAll("[tabindex='0']")].map((part) => part.scrollLeft);
}

function restore(region, open, positions) {
  region.querySelectorAll("details").forEach((details, index) => {
    details.open = open[index] ?? details.open;
  });
  region.querySelectorAll("[tabindex='0']").forEach((part, index) => {
    part.scrollLeft = positions[index] ?? 0;
  });
}

function focusKey(element) {
  return element?.id || element?.getAttribute?.("href") || null;
}

function refocus(region, key) {
  if (key) {
    const same = [...region.querySelectorAll("[id], [href]")].find((element) => focusKey(element) === key);
    same?.focus({ preventScroll: true });
  }
}

// Ages alone change each second; they are no news.
function content(region) {
  const copy = region.cloneNode(true);
  copy.querySelectorAll("time").forEach((time) => time.replaceChildren());
  copy.querySelectorAll("details").forEach((details) => details.removeAttribute("open"));
  return copy.innerHTML;
}

function replace(region, fresh) {
  if (content(region) === content(fresh)) {
    return;
  }
  const open = openDetails(region);
  const positions = scrolled(region);
  const key = region.contains(document.activeElement) ? focusKey(document.activeElement) : null;
  region.replaceChildren(...document.importNode(fresh, true).childNodes);
  restore(region, open, positions);
  refocus(region, key);
  if (fresh.dataset.announce !== region.dataset.announce) {
    region.dataset.announce = fresh.dataset.announce ?? "";
    announce(fresh.dataset.announce);
  }
}

// What somebody is typing is never taken away: of the questions, only those that are decided by now go.
function replaceQuestions(page) {
  const here = document.getElementById("questions");
  const fresh = page.getElementById("questions");
  if (!here || !fresh || here.dataset.questions === fresh.dataset.questions) {
    return;
  }
  here.querySelectorAll(".question").forEach((question) => {
    if (!page.getElementById(question.id)) {
      closeQuestion(question);
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

function closeQuestion(question) {
  const hadFocus = question.contains(document.activeElement);
  const title = question.querySelector("h3");
  const notice = document.createElement("p");
  notice.className = "message";
  notice.textContent = "This is decided by now, by somebody else or in another window: see below.";
  question.replaceChildren(title, notice);
  question.classList.add("closed");
  announce(notice.textContent);
  if (hadFocus) {
    question.focus();
  }
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
    time.textContent = age(Date.parse(time.dateTime));
  });
}

function watch() {
  let seen = document.body.dataset.version;
  const source = new EventSource(document.body.dataset.events);
  source.addEventListener("change", (event) => {
    // The first word says where things stand: what happened since the page was made, or since the line broke, is news.
    if (seen !== event.data) {
      seen = event.data;
      refresh();
    }
  });
  window.addEventListener("pagehide", () => source.close());
}

// A decision is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) {
    event.preventDefault();
  }
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form").forEach((form) => delete form.dataset.sent);
});

document.querySelector("[role='alert'], #done")?.focus();
if (document.body.dataset.events) {
  watch();
  setInterval(growOlder, 10_000);
}
