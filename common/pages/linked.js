  // How long an answer may take. The gateway gives up after 29 s, so later than that nothing will come.
  const PATIENCE_MS = 35000;

  const $ = (id) => document.getElementById(id);

  // Everything that came from outside goes in as text, never as markup. A {name} is isolated, so that a
  // right-to-left name does not reorder the sentence around it.
  function write(element, ...parts) {
    element.replaceChildren(...parts.filter((part) => part !== null && part !== '').map((part) => {
      if (typeof part === 'string' || part instanceof Node) return part;
      const name = document.createElement('bdi');
      name.textContent = part.name;
      return name;
    }));
  }

  function paragraph(text, className) {
    const element = document.createElement('p');
    element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  // The token leaves the address bar at once (history, screen sharing, copied links) and lives in memory only.
  function takeToken() {
    const fragment = location.hash.slice(1);
    if (location.hash || location.href.endsWith('#')) {
      history.replaceState(null, '', location.pathname + location.search);
    }
    // Some mail programs pull the punctuation after a link into it.
    return fragment.trim().replace(/[^A-Za-z0-9_-]+$/, '');
  }

  // Reads a signed token's payload without checking it: good enough to show, never to decide anything.
  function claimsOf(token) {
    try {
      const middle = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
      const bytes = Uint8Array.from(atob(middle), (character) => character.charCodeAt(0));
      const claims = JSON.parse(new TextDecoder().decode(bytes));
      return claims !== null && typeof claims === 'object' ? claims : {};
    } catch {
      return {};
    }
  }

  const looksWhole = (token) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);

  function text(value) {
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
  }

  // One request. Never throws: no answer has status 0. `lost` says that the server may have acted although
  // we do not know the outcome.
  async function call(method, path, body, bearer, conditions) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
    const headers = { Accept: 'application/json, application/problem+json', ...conditions };
    if (body) headers['Content-Type'] = 'application/json';
    if (bearer) headers.Authorization = 'Bearer ' + bearer;
    try {
      const response = await fetch(path, {
        method,
        headers,
        body: body ? JSON.stringify(body) : undefined,
        credentials: 'same-origin',
        cache: 'no-store',
        redirect: 'error',
        signal: abort.signal,
      });
      let data = null;
      try {
        data = await response.json();
      } catch {
        // No JSON: judged below by status alone.
      }
      if (data === null || typeof data !== 'object') data = {};
      // 204 has no body, and is none the less an answer.
      const unreadable = response.ok && response.status !== 204 && Object.keys(data).length === 0;
      return {
        status: unreadable ? 0 : response.status,
        data,
        code: text(data.code),
        detail: text(data.detail),
        reference: text(data.request_id),
        etag: response.headers.get('ETag'),
        retryAt: retryTime(response.headers.get('Retry-After')),
        // 503 is answered before anything is written; every other 5xx may have come too late to tell.
        lost: unreadable || (response.status >= 500 && response.status !== 503),
      };
    } catch {
      return { status: 0, data: {}, code: null, detail: null, reference: null, etag: null, retryAt: null, lost: true };
    } finally {
      clearTimeout(timer);
    }
  }

  function retryTime(header) {
    if (!header) return null;
    const at = /^\d+$/.test(header) ? Date.now() + Number(header) * 1000 : Date.parse(header);
    return Number.isFinite(at) ? at : null;
  }

  // The page is in English, so is its clock; the zone is the reader's own.
  const LANGUAGE = /^en\b/i.test(navigator.language) ? navigator.language : 'en-GB';

  function whenToRetry(at) {
    const seconds = Math.max(1, Math.ceil((at - Date.now()) / 1000));
    if (seconds < 90) return 'in ' + seconds + (seconds === 1 ? ' second' : ' seconds');
    const clock = new Intl.DateTimeFormat(LANGUAGE, { hour: 'numeric', minute: '2-digit' }).format(at);
    const minutes = Math.ceil(seconds / 60);
    return minutes < 90
      ? 'at ' + clock + ', in about ' + minutes + ' minutes'
      : 'in about ' + Math.round(minutes / 60) + ' hours, around ' + clock;
  }

  // The sentences for a problem that no flow treats in its own way.
  function sentencesFor(answer, acted) {
    if (answer.status === 429) {
      return answer.retryAt
        ? ['That was too many tries in a short time. You can try again ' + whenToRetry(answer.retryAt) + '.']
        : [answer.detail || 'That was too many tries in a short time. Wait a few minutes, then try again.'];
    }
    if (answer.status === 0 || answer.status >= 500) {
      const reason = answer.status === 0
        ? (navigator.onLine === false ? 'You seem to be offline.' : 'Callaro could not be reached, or its answer did not arrive.')
        : 'Callaro could not do this just now.';
      // Only claim that nothing changed where that is certain.
      const effect = acted && answer.lost
        ? 'Try again: it cannot happen twice.'
        : answer.retryAt
          ? 'Nothing was changed. Try again ' + whenToRetry(answer.retryAt) + '.'
          : 'Nothing was changed. Try again.';
      return [reason + ' ' + effect];
    }
    return [answer.detail || 'Callaro did not accept this. Nothing was changed.'];
  }

  const mayRepeat = (answer) => answer.status === 0 || answer.status === 429 || answer.status >= 500;

  // What is on the page: a heading, an optional sentence, and the parts named in `parts`; all others go.
  const PARTS = ['waiting', 'facts', 'join', 'sign-in', 'refuse', 'decline', 'choose', 'checklist', 'done'];
  function show(state) {
    for (const id of PARTS) {
      if ($(id)) $(id).hidden = !(state.parts || []).includes(id);
    }
    write($('heading'), ...state.heading);
    const lead = state.lead || [];
    $('lead').hidden = lead.length === 0;
    write($('lead'), ...lead);
    $('tick').toggleAttribute('hidden', !(state.parts || []).includes('done'));
    $('footnote').hidden = (state.parts || []).includes('done');
    $('live').textContent = '';
    document.title = state.title + ' – Callaro';
    clearNotice();
    if (state.focus !== false) $('heading').focus();
  }

  let onTryAgain = null;

  function clearNotice() {
    $('notice').hidden = true;
    $('alert').replaceChildren();
    $('again').hidden = true;
    onTryAgain = null;
    for (const error of document.querySelectorAll('.error')) {
      error.hidden = true;
      error.textContent = '';
    }
    for (const input of document.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  }

  // Says what went wrong, in the alert region, and moves the reader there.
  function complain(sentences, tryAgain, reference) {
    clearNotice();
    $('notice').hidden = false;
    $('alert').replaceChildren(...sentences.map((sentence) => paragraph(sentence)));
    if (reference) $('alert').append(paragraph('Reference for support: ' + reference, 'reference'));
    onTryAgain = tryAgain || null;
    $('again').hidden = !tryAgain;
    $('alert').focus();
  }

  function complainAbout(answer, tryAgain, acted) {
    complain(
      sentencesFor(answer, acted),
      mayRepeat(answer) ? tryAgain : null,
      answer.status >= 500 ? answer.reference : null,
    );
  }

  function markField(form, name, message) {
    const input = form.elements[name];
    const error = input && $(input.id + '-error');
    if (!error) return false;
    input.setAttribute('aria-invalid', 'true');
    error.textContent = message;
    error.hidden = false;
    return true;
  }

  // Puts each of a problem's errors beside its field; what has no field here is said above.
  function complainAboutFields(form, answer) {
    const errors = Array.isArray(answer.data.errors) ? answer.data.errors : [];
    const placed = [];
    const others = [];
    for (const error of errors) {
      const message = text(error && error.detail) || 'Please check this.';
      const name = String((error && error.pointer) || '').replace(/^\//, '');
      (form.elements[name] && $(form.elements[name].id + '-error') ? placed : others).push({ name, message });
    }
    const summary = answer.detail || 'Please correct what is marked below. Nothing was changed.';
    complain([summary, ...others.map((other) => other.message)]);
    for (const { name, message } of placed) markField(form, name, message);
  }

  // The server judges passwords; this only spares a round trip for what is certain to be refused.
  function newPasswordProblem(password) {
    const length = Array.from(password).length;
    if (length === 0) return 'Choose a password of at least 12 characters.';
    if (length < 12) return 'Use at least 12 characters; this has ' + length + '.';
    if (length > 128) return 'Use at most 128 characters; this has ' + length + '.';
    return null;
  }

  // A link opened over a page that is already here changes only the fragment. Answers that belong to the
  // link before it must not reach the page any more.
  let visit = 0;
  let busy = false;

  // Runs one step of a form: never twice at once, with the button saying what happens.
  async function during(form, words, step) {
    if (busy) return;
    busy = true;
    const mine = visit;
    const button = form.querySelector('button.main');
    const label = button.textContent;
    hideSecrets(form);
    clearNotice();
    button.disabled = true;
    button.setAttribute('aria-busy', 'true');
    button.textContent = words;
    $('live').textContent = words;
    const answer = await step();
    button.disabled = false;
    button.removeAttribute('aria-busy');
    button.textContent = label;
    $('live').textContent = '';
    if (mine !== visit) return;
    busy = false;
    answer();
  }

  // Back to dots: browsers offer to save a password only from a password field.
  function hideSecrets(form) {
    for (const button of form.querySelectorAll('[data-reveals]')) reveal(button, false);
  }

  function reveal(button, visible) {
    $(button.dataset.reveals).type = visible ? 'text' : 'password';
    button.textContent = visible ? 'Hide' : 'Show';
    button.setAttribute('aria-label', visible ? 'Hide password' : 'Show password');
  }

  for (const button of document.querySelectorAll('[data-reveals]')) {
    button.addEventListener('click', () => reveal(button, $(button.dataset.reveals).type === 'password'));
  }

  $('again').addEventListener('click', () => {
    if (onTryAgain) onTryAgain();
  });

  function step(title, explanation) {
    const item = document.createElement('li');
    const strong = document.createElement('strong');
    const span = document.createElement('span');
    write(strong, ...title);
    span.textContent = explanation;
    item.append(strong, span);
    return item;
  }

  function forgetSecrets() {
    for (const form of document.forms) {
      hideSecrets(form);
      form.reset();
    }
  }
