// The dashboard's only script: it makes pages quicker that work without it.
// Nothing here is needed to read; everything finds its place by data attributes.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

function element(name, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'rect', 'line', 'clipPath', 'defs', 'g'].includes(name);
  const made = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Times: the server writes them in the account's zone; here they become the reader's, the account's stays as the title.

const part = (options) => new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', ...options });
const clock = part({ hour: '2-digit', minute: '2-digit' });
const clockSeconds = part({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = part({ day: 'numeric', month: 'short' });
const dayFull = part({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

function lengthOf(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} m`;
}

function ago(date) {
  const seconds = (serverNow() - date) / 1000;
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

const writers = {
  clock: (date) => clock.format(date),
  moment: (date) => `${day.format(date)}, ${clock.format(date)}`,
  full: (date) => `${dayFull.format(date).replace(',', '')}, ${clockSeconds.format(date)}`,
  ago,
};

function writeTimes(within = document) {
  for (const time of $$('time[data-show]', within)) {
    const text = writers[time.dataset.show]?.(new Date(time.dateTime));
    if (text && text !== time.textContent) time.textContent = text;
  }
}

// The server's clock, as far as it is known: ages must not depend on this machine's.
let skew = 0;
const serverNow = () => Date.now() + skew;

function writeAges() {
  for (const age of $$('[data-since]')) {
    const text = lengthOf((serverNow() - Number(age.dataset.since)) / 1000);
    if (text !== age.textContent) age.textContent = text;
  }
}

// Theme: system, dark, light. A cookie keeps it, so that the server sends pages in the right colours.

function themes() {
  for (const form of $$('[data-theme-form]')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const theme = event.submitter.value;
      const secure = location.protocol === 'https:' ? '; secure' : '';
      document.cookie = `ringfence_theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
      document.documentElement.dataset.theme = theme;
      for (const button of $$('[data-theme-form] button')) {
        button.value = { system: 'dark', dark: 'light', light: 'system' }[theme];
        button.title = `Change the theme; now: ${theme}`;
      }
    });
  }
}

// Copying.

function copying() {
  for (const button of $$('[data-copy]')) {
    const source = button.previousElementSibling;
    button.hidden = false;
    const label = button.lastChild;
    button.addEventListener('click', async () => {
      let done = true;
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        // Without a secure connection browsers offer the old way only.
        getSelection().selectAllChildren(source);
        done = document.execCommand('copy');
      }
      label.textContent = done ? 'Copied' : 'Press Ctrl+C';
      setTimeout(() => { label.textContent = 'Copy'; }, 2000);
    });
  }
}

// Days that are typed go before a span that was chosen.

function days() {
  for (const field of $$('.report-form input[type="date"]')) {
    field.addEventListener('input', () => { $('#span').value = ''; });
  }
}

// Keys: j and k walk through a table, Enter opens, / searches, Escape closes menus.

function keys() {
  const rows = () => $$('[data-keys] tbody tr.go');
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      for (const chip of $$('details.chip[open]')) {
        chip.open = false;
        $('summary', chip).focus();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input, select, textarea, [role="slider"]')) return;
    if (event.key === '/') {
      const search = $('[data-search]');
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else if (event.key === 'j' || event.key === 'k') {
      const all = rows();
      if (all.length === 0) return;
      const at = all.findIndex((row) => row.classList.contains('at'));
      const next = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + (event.key === 'j' ? 1 : -1)));
      for (const row of all) row.classList.toggle('at', row === all[next]);
      const link = $('a.cover', all[next]);
      link.focus({ preventScroll: true });
      all[next].scrollIntoView({ block: 'nearest' });
    }
  });
  document.addEventListener('click', (event) => {
    for (const chip of $$('details.chip[open]')) if (!chip.contains(event.target)) chip.open = false;
  });
}

// Charts: values on hover and, with the arrow keys, on focus.

function charts() {
  for (const chart of $$('[data-chart]')) {
    const readout = $('[data-readout]', chart);
    const drawing = $('svg.bars', chart);
    const bars = $$('g[data-say]', drawing);
    let at = -1;
    const show = (next) => {
      bars[at]?.classList.remove('on');
      at = next;
      bars[at]?.classList.add('on');
      readout.textContent = bars[at] ? `${bars[at].dataset.at}: ${bars[at].dataset.say}` : '';
    };
    drawing.addEventListener('pointermove', (event) => {
      const box = drawing.getBoundingClientRect();
      const nth = Math.floor(((event.clientX - box.left) / box.width) * bars.length);
      show(Math.min(bars.length - 1, Math.max(0, nth)));
    });
    drawing.addEventListener('pointerleave', () => show(-1));
    drawing.addEventListener('blur', () => show(-1));
    drawing.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const from = at < 0 ? (step > 0 ? -1 : bars.length) : at;
      show(Math.min(bars.length - 1, Math.max(0, from + step)));
    });
  }
}

// Live calls: rows appear, change and leave. After a cut the server sends everything again.

function live() {
  const panel = $('[data-live]');
  if (!panel) return;
  const table = $('[data-live-table]');
  const body = $('[data-live-rows]');
  const empty = $('[data-live-empty]');
  const lead = $('#live-lead');
  const says = $('[data-live-says]');
  const connection = $('[data-connection]');
  const word = $('[data-connection-word]');
  const badge = $('#under-way');

  const made = (html) => {
    const template = document.createElement('template');
    template.innerHTML = html;
    return template.content.firstElementChild;
  };
  const rowOf = (id) => document.getElementById(`call-${id}`);
  const put = (told) => {
    const row = made(told.html);
    const old = rowOf(told.id);
    if (old) {
      const focused = old.contains(document.activeElement);
      old.replaceWith(row);
      if (focused) $('a.cover', row).focus({ preventScroll: true });
    } else {
      row.classList.add('arriving');
      const after = [...body.children].find((other) => other.dataset.key > row.dataset.key);
      body.insertBefore(row, after ?? null);
    }
  };
  const showWhatIsLeft = () => {
    table.hidden = body.children.length === 0;
    empty.hidden = body.children.length !== 0;
  };
  const settle = (told) => {
    lead.textContent = told.lead;
    const count = [...body.children].filter((row) => !row.classList.contains('leaving')).length;
    showWhatIsLeft();
    badge.hidden = count === 0;
    badge.firstElementChild.textContent = count;
    writeAges();
  };
  const state = (up, text) => {
    connection.classList.toggle('up', up);
    connection.classList.toggle('down', !up);
    word.textContent = text;
  };

  let source;
  let again;
  const connect = () => {
    source = new EventSource(panel.dataset.live);
    source.addEventListener('open', () => state(true, 'Up to date'));
    source.addEventListener('error', () => {
      state(false, 'Connection lost; trying again');
      // A browser gives up for good when the answer was no stream: then it is up to us.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(again);
        again = setTimeout(connect, 3000);
      }
    });
    source.addEventListener('message', (event) => {
      const told = JSON.parse(event.data);
      skew = told.now - Date.now();
      if (told.kind === 'all') {
        const ids = new Set(told.rows.map((row) => `call-${row.id}`));
        for (const row of [...body.children]) if (!ids.has(row.id)) row.remove();
        told.rows.forEach(put);
      } else if (told.kind === 'call') {
        put(told.row);
        says.textContent = told.says;
      } else if (told.kind === 'gone') {
        const row = rowOf(told.id);
        if (row) {
          row.classList.add('leaving');
          const word = $('.state', row);
          word.className = 'state';
          word.textContent = 'Over';
          // Not what was told now: more may have been told by then.
          setTimeout(() => { row.remove(); showWhatIsLeft(); }, 600);
        }
      }
      if (told.kind === 'agents') $('[data-live-agents]').innerHTML = told.html;
      settle(told);
    });
  };
  connect();
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (event) => { if (event.persisted) connect(); });
}

// A part of a page that the server sends anew whenever it changes. Whoever is on one of its buttons stays there.

function follow() {
  const panel = $('[data-follow]');
  if (!panel) return;
  let source;
  let again;
  const connect = () => {
    source = new EventSource(panel.dataset.follow);
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(again);
      again = setTimeout(connect, 3000);
    });
    source.addEventListener('message', (event) => {
      const told = JSON.parse(event.data);
      skew = told.now - Date.now();
      const on = panel.contains(document.activeElement) ? document.activeElement.value : undefined;
      panel.innerHTML = told.html;
      if (on) $(`button[value="${on}"]:not(:disabled)`, panel)?.focus({ preventScroll: true });
      writeAges();
    });
  };
  connect();
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (event) => { if (event.persisted) connect(); });
}

// The player: two channels as a waveform, seeking, speed, one side alone, silence skipped, links to a moment.

const playIcon = 'M5 3v10l8-5z';
const pauseIcon = 'M5.5 3.5v9M10.5 3.5v9';
const time = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

function icon(path) {
  return element('svg', { class: 'icon', viewBox: '0 0 16 16', fill: 'none', stroke: 'currentColor', 'stroke-width': '2', 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' },
    element('path', { d: path, fill: path === playIcon ? 'currentColor' : 'none' }));
}

function choices(label, values, chosen, choose) {
  const group = element('div', { class: 'toggles', role: 'group', 'aria-label': label });
  for (const [value, word] of values) {
    const button = element('button', { type: 'button', 'aria-pressed': String(value === chosen) }, word);
    button.addEventListener('click', () => {
      for (const other of group.children) other.setAttribute('aria-pressed', String(other === button));
      choose(value);
    });
    group.append(button);
  }
  return group;
}

function channelPath(peaks, middle, scale) {
  return peaks.map((peak, nth) => {
    const height = Math.max(0.6, peak * scale).toFixed(1);
    return `M${nth} ${(middle - height).toFixed(1)}h.7v${(height * 2).toFixed(1)}h-.7z`;
  }).join('');
}

// Stretches of at least 1.5 s in which neither side is heard, in seconds.
function silences(left, right, duration) {
  const width = duration / left.length;
  const found = [];
  let from = -1;
  for (let nth = 0; nth <= left.length; nth += 1) {
    const quiet = nth < left.length && Math.max(left[nth], right[nth]) < 6;
    if (quiet && from < 0) from = nth;
    if (!quiet && from >= 0) {
      if ((nth - from) * width >= 1.5) found.push([from * width + 0.3, nth * width - 0.3]);
      from = -1;
    }
  }
  return found;
}

// One side on both ears. The graph is made at the first press: before that, sound goes the plain way.
function soloist(audio) {
  let gains;
  return (side) => {
    if (!gains) {
      if (side === 'both') return;
      const context = new AudioContext();
      const splitter = context.createChannelSplitter(2);
      const merger = context.createChannelMerger(2);
      context.createMediaElementSource(audio).connect(splitter);
      gains = [0, 1].map((input) => [0, 1].map((output) => {
        const gain = context.createGain();
        splitter.connect(gain, input);
        gain.connect(merger, 0, output);
        return gain;
      }));
      merger.connect(context.destination);
      context.resume();
    }
    const heard = { both: [[1, 0], [0, 1]], left: [[1, 1], [0, 0]], right: [[0, 0], [1, 1]] }[side];
    heard.forEach((row, input) => row.forEach((value, output) => { gains[input][output].gain.value = value; }));
  };
}

async function player(box) {
  const answer = await fetch(box.dataset.waveform);
  if (!answer.ok) return;
  const { duration_ms: milliseconds, left, right } = await answer.json();
  const duration = milliseconds / 1000;
  if (!(duration > 0) || left.length === 0) return;
  const audio = $('audio', box);
  const columns = left.length;
  const loudest = Math.max(32, ...left, ...right);
  const scale = 29 / loudest;
  const quiet = silences(left, right, duration);
  let skipping = false;

  const shape = () => element('g', {},
    element('path', { class: 'caller', d: channelPath(left, 32, scale) }),
    element('path', { class: 'callee', d: channelPath(right, 96, scale) }));
  const clip = element('rect', { x: '0', y: '0', width: '0', height: '128' });
  const unplayed = shape();
  unplayed.setAttribute('class', 'unplayed');
  const played = shape();
  played.setAttribute('clip-path', 'url(#played)');
  const head = element('rect', { class: 'head', x: '0', y: '0', width: '1.2', height: '128' });
  const drawing = element('svg', { viewBox: `0 0 ${columns} 128`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    element('defs', {}, element('clipPath', { id: 'played' }, clip)),
    element('line', { class: 'mid', x1: '0', x2: columns, y1: '64', y2: '64' }),
    unplayed, played, head);
  const wave = element('div', { class: 'wave-box', role: 'slider', tabindex: '0', 'aria-label': 'Position', 'aria-valuemin': '0', 'aria-valuemax': Math.round(duration) }, drawing);
  const sides = element('div', { class: 'who-side', 'aria-hidden': 'true' },
    element('span', {}, element('i'), 'Caller'), element('span', {}, element('i'), 'Target'));

  const press = element('button', { type: 'button', class: 'button primary play', 'aria-label': 'Play' }, icon(playIcon));
  const position = element('span', { class: 'clock' });
  const toggle = () => (audio.paused ? audio.play() : audio.pause());
  press.addEventListener('click', toggle);
  const painted = () => {
    press.replaceChildren(icon(audio.paused ? playIcon : pauseIcon));
    press.setAttribute('aria-label', audio.paused ? 'Play' : 'Pause');
  };

  const draw = () => {
    const at = Math.min(audio.currentTime, duration);
    const x = (at / duration) * columns;
    clip.setAttribute('width', x.toFixed(2));
    head.setAttribute('x', Math.min(x, columns - 1.2).toFixed(2));
    position.textContent = `${time(at)} / ${time(duration)}`;
    wave.setAttribute('aria-valuenow', Math.round(at));
    wave.setAttribute('aria-valuetext', `${time(at)} of ${time(duration)}`);
  };
  const seek = (seconds) => {
    audio.currentTime = Math.min(Math.max(0, seconds), Math.max(0, duration - 0.05));
    draw();
  };
  const follow = () => {
    if (skipping) {
      const silence = quiet.find(([from, to]) => audio.currentTime >= from && audio.currentTime < to);
      if (silence) audio.currentTime = silence[1];
    }
    draw();
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener('play', () => { painted(); follow(); });
  audio.addEventListener('pause', painted);
  audio.addEventListener('seeked', draw);

  const toPointer = (event) => {
    const bounds = wave.getBoundingClientRect();
    seek(((event.clientX - bounds.left) / bounds.width) * duration);
  };
  wave.addEventListener('pointerdown', (event) => { wave.setPointerCapture(event.pointerId); toPointer(event); });
  wave.addEventListener('pointermove', (event) => { if (wave.hasPointerCapture(event.pointerId)) toPointer(event); });
  wave.addEventListener('keydown', (event) => {
    const moves = { ArrowRight: audio.currentTime + 5, ArrowLeft: audio.currentTime - 5, Home: 0, End: duration };
    if (event.key in moves) seek(moves[event.key]);
    else if (event.key === ' ') toggle();
    else return;
    event.preventDefault();
  });

  const solo = soloist(audio);
  const skip = element('button', { type: 'button', 'aria-pressed': 'false' }, 'Skip silence');
  skip.addEventListener('click', () => {
    skipping = !skipping;
    skip.setAttribute('aria-pressed', String(skipping));
  });
  const link = element('button', { type: 'button', class: 'button' }, 'Copy link to this moment');
  link.addEventListener('click', async () => {
    const address = new URL(location.href);
    address.hash = `t=${audio.currentTime.toFixed(1)}`;
    history.replaceState(null, '', address);
    try {
      await navigator.clipboard.writeText(address.href);
      link.textContent = 'Link copied';
    } catch {
      link.textContent = 'Link is in the address bar';
    }
    setTimeout(() => { link.textContent = 'Copy link to this moment'; }, 2000);
  });
  const bar = element('div', { class: 'player-bar' }, press, position,
    choices('Speed', [[1, '1×'], [1.25, '1.25×'], [1.5, '1.5×'], [2, '2×']], 1, (rate) => { audio.playbackRate = rate; }),
    choices('Heard', [['both', 'Both'], ['left', 'Caller'], ['right', 'Target']], 'both', solo));
  if (quiet.length > 0) bar.append(element('div', { class: 'toggles' }, skip));
  link.classList.add('push');
  bar.append(link);

  $('[data-plain]', box).hidden = true;
  box.append(element('div', { class: 'wave' }, sides, wave), bar);
  const moment = /^#t=([\d.]+)$/.exec(location.hash);
  if (moment) {
    const start = () => seek(Number(moment[1]));
    if (audio.readyState > 0) start();
    else audio.addEventListener('loadedmetadata', start, { once: true });
  }
  draw();
}

writeTimes();
themes();
copying();
days();
keys();
charts();
live();
follow();
for (const box of $$('[data-player]')) player(box).catch(() => { /* The plain player stands. */ });
if ($('[data-since]') || $('[data-live]')) setInterval(writeAges, 1000);
if ($('time[data-show="ago"]')) setInterval(writeTimes, 30000);
