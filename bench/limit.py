#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The project's model of what a fleet update can take at best. sim/air/limit.c computes the same bounds in C and is held
# to this file by tests/sim/limit_test.py.
"""dfucast physical-limit model: one BLE central feeds N SMP peripherals from a UART window.

All times are integer nanoseconds inside, seconds when printed.  No random numbers unless --per is
given (then a fixed-seed LCG), so two runs print the same bytes.

  limit.py                  tables for the standard scenarios, N = 1,2,4,8,16,20
  limit.py --n 8 --image 262144 --phy 2M --ci 0 ...   one scenario (ci 0 = search best interval)
  limit.py --json           machine readable
  limit.py --check          self-checks against published or normative numbers
  limit.py --energy --edge  energy per peripheral; goodput against bit error rate
"""
import argparse, json, sys
from dataclasses import dataclass, replace

US = 1000
MS = 1000 * US
S = 1000 * MS

# ------------------------------------------------------------------ BLE air time (Core Vol 6 B 2.x)
def pdu_ns(phy, n, mic=False):
    """Air time of one data PDU with n payload octets (n counts L2CAP bytes, not the MIC)."""
    m = n + (4 if mic and n else 0)
    if phy == '1M':
        return (1 + 4 + 2 + m + 3) * 8 * US
    if phy == '2M':
        return (2 + 4 + 2 + m + 3) * 4 * US
    s = {'S2': 2, 'S8': 8}[phy]
    return (80 + 256 + 16 + 24 + (2 + m + 3) * 8 * s + 3 * s) * US   # TERM1 is 3 bits at S=8

T_IFS = 150 * US

def pair_ns(phy, n_down, n_up=0, mic=False):
    return pdu_ns(phy, n_down, mic) + T_IFS + pdu_ns(phy, n_up, mic) + T_IFS

# ------------------------------------------------------------------ framing sizes
def cbor_uint(v):
    return 1 if v < 24 else 2 if v < 256 else 3 if v < 65536 else 5

def smp_req_bytes(off, data, image_len=None, sha=True, image_key=False):
    n = 8 + 1                                           # SMP header, map head
    n += (6 + 1) if image_key else 0
    if off == 0 and image_len is not None:
        n += 4 + cbor_uint(image_len)
        n += (4 + 2 + 32) if sha else 0
    n += 4 + cbor_uint(off)
    n += 5 + cbor_uint(data) + data
    return n

def smp_rsp_bytes(off, legacy_rc=True):
    return 8 + 2 + (4 if legacy_rc else 0) + 4 + cbor_uint(off)   # indefinite map: bf .. ff

def max_data(frame, off, image_len):
    d = frame
    while d > 0 and smp_req_bytes(off, d, image_len) > frame:
        d -= 1
    return d

def att_fragments(frame, mtu):
    """GATT writes-without-response that carry one SMP frame, then the LL PDUs of each."""
    out = []
    while frame > 0:
        k = min(frame, mtu - 3)
        out.append(k)
        frame -= k
    return out

def ll_pdus(att_values, dle):
    """LL payload sizes; each ATT PDU = 3 octet ATT header + value, + 4 octet L2CAP header."""
    out = []
    for v in att_values:
        n = v + 3 + 4
        while n > 0:
            k = min(n, dle)
            out.append(k)
            n -= k
    return out

def console_bytes(n, line=127):
    """Octets on the wire of one SMP packet in Zephyr's console framing (base64 lines)."""
    raw = 2 + n + 2                    # length, packet, CRC16
    per = ((line - 3) // 4) * 3        # 93 octets a line
    full, rest = divmod(raw, per)
    t = full * (2 + per // 3 * 4 + 1)
    if rest:
        t += 2 + (rest + 2) // 3 * 4 + 1
    return t

def cobs_bytes(n):
    raw = n + 2                        # + CRC16
    return raw + 1 + raw // 254 + 1    # overhead octets + delimiter

# ------------------------------------------------------------------ parameters
@dataclass
class P:
    n: int = 8
    image: int = 256 * 1024
    phy: str = '2M'
    dle: int = 251
    mtu: int = 498
    mic: bool = False
    ci_us: int = 0               # 0 = search
    guard_us: int = 400          # per link event: set-up + close (Zephyr LL 275..458 + 100; NimBLE ~223)
    buf: int = 2475              # server SMP frame limit
    bufs: int = 4                # server netbufs (requests AND responses)
    window: int = 0              # 0 = bufs-1, the largest that cannot starve the response
    reassembly: bool = True
    erase_page_us: int = 87500   # 4 KiB page (PS 85 ms; BabbleSim 87.5; Zephyr max 89.7)
    erase_over_pct: int = 0      # partial erase set-up cost, percent of erase time
    word_us: int = 42            # 32 bit word (PS 41; BabbleSim 42; nRF53 43)
    word_sw_us: int = 0          # driver cost per word
    page: int = 4096
    erase: str = 'progressive'   # progressive | upfront | none
    flash_slot_us: int = 7500    # radio-synchronised flash works in slots of this size (0 = any gap)
    erase_slot_us: int = 7500    # the same for erase: 7500 with partial erase, 89700 without it
    couple: bool = True          # flash and radio exclude each other on the peripheral (one CPU)
    req_cpu_us: int = 800        # server CPU per request: reassembly copy, CBOR, work queue, notify
    host_us: int = 1000          # central: response in -> next request queued
    baud: int = 1000000
    framing: str = 'cobs'        # cobs | raw | console
    uart_chunk: int = 1024       # payload per UART frame
    ram_window: int = 65536
    setup_us: int = 800000       # connect, MTU, DLE, PHY, discovery, CCCD, params: per peer, sequential
    swap: str = 'move'           # move | offset | overwrite | none
    per_ppm: int = 0             # packet error per LL PDU, parts per million

def win(p):
    return p.window or max(1, p.bufs - 1)

def frame_limit(p):
    return p.buf if p.reassembly else min(p.buf, p.mtu - 3)

# ------------------------------------------------------------------ resource bounds
def plan(p):
    """The list of upload requests of one peer: (off, data, [LL payloads], rsp LL payload)."""
    reqs, off, f = [], 0, frame_limit(p)
    while off < p.image:
        d = min(max_data(f, off, p.image), p.image - off)
        size = smp_req_bytes(off, d, p.image)
        reqs.append((off, d, ll_pdus(att_fragments(size, p.mtu), p.dle),
                     smp_rsp_bytes(off + d) + 7))
        off += d
    return reqs

def uart_bytes(p, nbytes):
    full, rest = divmod(nbytes, p.uart_chunk)
    hdr = 9                                     # dfucast record head: type, seq, offset, length
    f = {'cobs': cobs_bytes, 'console': lambda n: console_bytes(n), 'raw': lambda n: n + 2}[p.framing]
    if p.framing == 'console':                  # console = SMP request around the chunk
        one = lambda k: f(smp_req_bytes(70000, k))
    else:
        one = lambda k: f(k + hdr)
    return full * one(p.uart_chunk) + (one(rest) if rest else 0)

def t_uart(p, nbytes=None):
    nbytes = p.image if nbytes is None else nbytes
    return uart_bytes(p, nbytes) * 10 * S // p.baud

def t_radio_peer(p, reqs=None):
    """Air time of one peer's whole upload, no guards: PDU pairs, responses ride on acks."""
    t = 0
    for off, d, pdus, rsp in reqs or plan(p):
        for i, n in enumerate(pdus):
            t += pair_ns(p.phy, n, rsp if i == 0 else 0, p.mic)
    return t

def t_flash(p):
    pages = -(-p.image // p.page)
    e = 0 if p.erase == 'none' else pages * p.erase_page_us * (100 + p.erase_over_pct) // 100
    w = -(-p.image // 4) * (p.word_us + p.word_sw_us)
    return e * US, w * US

def t_swap(p):
    """MCUboot on nRF52840, no radio: per 4 KiB sector k x (erase + write)."""
    one = (p.erase_page_us + (p.page // 4) * p.word_us) * US
    sec = -(-p.image // p.page)
    return {'move': 3 * sec * one, 'offset': 2 * sec * one,
            'overwrite': sec * one, 'none': 0}[p.swap]

def bounds(p):
    reqs = plan(p)
    rp = t_radio_peer(p, reqs)
    e, w = t_flash(p)
    cpu = len(reqs) * p.req_cpu_us * US
    per = e + w + (max(rp, cpu) if p.couple else cpu)   # CPU may run while the radio DMA works
    b = {'uart': t_uart(p), 'radio': p.n * rp, 'peer': per}
    if p.erase == 'upfront':         # nothing can be written before the whole erase is done
        first = t_uart(p, reqs[0][1]) + sum(pair_ns(p.phy, n) for n in reqs[0][2])
        left = p.n * (rp * max(0, len(reqs) - win(p)) // len(reqs))   # win(p) frames may wait in netbufs
        b['radio'] = first + e + left
        b['peer'] = first + per
    b['limit'] = max(b['uart'], b['radio'], b['peer'])
    b['by'] = max(('uart', 'radio', 'peer'), key=lambda k: b[k])
    b['reqs'] = len(reqs)
    b['radio_peer'] = rp
    b['flash_erase'], b['flash_write'] = e, w
    return b

# ------------------------------------------------------------------ discrete-event model
def simulate(p, n=None, ci_us=None, upto=None):
    """Connection-event granular run.  Returns (ns, stats).  Each link owns CI/N of every interval."""
    n = n or p.n
    ci = (ci_us or p.ci_us) * US
    reqs = plan(p)
    R = len(reqs)
    W = win(p)
    slot = ci // n
    room = slot - p.guard_us * US
    empty = pdu_ns(p.phy, 0)
    rate_num, rate_den = p.image, t_uart(p)
    lcg = 12345
    seed = [lcg]
    def lost():
        if not p.per_ppm:
            return False
        seed[0] = (seed[0] * 1103515245 + 12345) & 0x7fffffff
        return (seed[0] >> 8) % 1000000 < p.per_ppm
    # per peer state
    q = [[] for _ in range(n)]            # server queue: request index, ready time
    nxt = [0] * n                         # next request index to send
    pdu = [0] * n                         # next PDU of it
    inflight = [0] * n
    credits = [[] for _ in range(n)]      # times at which credit comes back
    rsp = [[] for _ in range(n)]          # (ready time, req index)
    acked = [0] * n                       # bytes
    fl_erased = [0] * n                   # pages erased
    fl_left = [None] * n                  # remaining ns of the current request [erase, write, cpu]
    fl_req = [None] * n
    fl_free = [0] * n                     # server clock
    done = [0] * n
    # UART
    uart_off, uart_t = 0, 0
    air_busy = 0
    events = 0
    if room < pair_ns(p.phy, min(p.dle, 251), 0, p.mic):
        return None, {}
    def work_of(i, r):
        off, d, _, _ = reqs[r]
        pages = -(-(off + d) // p.page)
        e = 0
        if p.erase == 'progressive' and pages > fl_erased[i]:
            e = (pages - fl_erased[i]) * p.erase_page_us * (100 + p.erase_over_pct) // 100 * US
            fl_erased[i] = pages
        if p.erase == 'upfront' and r == 0:
            e = -(-p.image // p.page) * p.erase_page_us * (100 + p.erase_over_pct) // 100 * US
        return [p.req_cpu_us * US, e, -(-d // 4) * (p.word_us + p.word_sw_us) * US]
    def run_server(i, t0, t1):
        """Serve peer i's queue in the radio-free gap [t0, t1)."""
        t = max(t0, fl_free[i])
        while t < t1:
            if fl_left[i] is None:
                if not q[i] or q[i][0][1] >= t1:
                    break
                r, ready = q[i].pop(0)
                t = max(t, ready)
                fl_left[i], fl_req[i] = work_of(i, r), r
            # stages in order: CPU, erase, write; a stage may stop at t1 and go on in the next gap
            for st, slot_us in ((0, 0), (1, p.erase_slot_us), (2, p.flash_slot_us)):
                f = fl_left[i][st]
                if not f:
                    continue
                gap = t1 - t
                if st and p.couple and slot_us and f > gap:
                    gap = gap // (slot_us * US) * (slot_us * US)   # whole slots before the next event
                k = min(f, gap)
                fl_left[i][st] -= k
                t += k
                if fl_left[i][st]:
                    t = t1
                    break
            else:
                rsp[i].append((t, fl_req[i]))
                fl_left[i] = None
                continue
            break
        fl_free[i] = t
    t_ev_end = [0] * n
    k = 0
    limit_t = 300 * S                # longer than this = starved (no flash slot ever fits)
    while True:
        if all(done):
            break
        base = k * ci
        if base > limit_t:
            return None, {}
        for i in range(n):
            if done[i]:
                continue
            t = base + i * slot
            run_server(i, t_ev_end[i], t)
            # ring window: the slowest active peer holds the UART back
            low = min(acked[j] for j in range(n) if not done[j])
            cap = min(p.image, low + p.ram_window)
            if uart_t < t:
                can = (t - uart_t) * rate_num // rate_den
                new = min(cap, uart_off + can)
                if uart_off + can > cap:
                    uart_t = t                    # stalled by the window: clock slips
                else:
                    uart_t += (new - uart_off) * rate_den // rate_num
                uart_off = new
            end = t + (slot - p.guard_us * US)
            now = t
            credits[i] = [c for c in credits[i] if c > t or not _take(inflight, i)]
            first = True
            events += 1
            while True:
                up = 0
                if rsp[i] and rsp[i][0][0] <= now:
                    up = reqs[rsp[i][0][1]][3]
                down = None
                if nxt[i] < R and inflight[i] < W or pdu[i]:
                    off, d, pd, _ = reqs[nxt[i]] if nxt[i] < R else (0, 0, [], 0)
                    if nxt[i] < R and off + d <= uart_off:
                        down = pd[pdu[i]]
                if down is None and not up and not first:
                    break
                cost = pair_ns(p.phy, down or 0, up, p.mic)
                if now + cost - T_IFS > end:
                    break
                now += cost
                first = False
                if lost():
                    break                          # event closes, PDU is sent again next event
                if up:
                    tt, r = rsp[i].pop(0)
                    acked[i] = reqs[r][0] + reqs[r][1]
                    credits[i].append(now + p.host_us * US)
                    if acked[i] >= p.image:
                        done[i] = now
                if down is not None:
                    pdu[i] += 1
                    if pdu[i] == len(reqs[nxt[i]][2]):
                        q[i].append((nxt[i], now))
                        nxt[i] += 1
                        pdu[i] = 0
                        inflight[i] += 1
                # credits that matured inside a long event
                credits[i] = [c for c in credits[i] if c > now or not _take(inflight, i)]
                if done[i]:
                    break
            air_busy += now - t
            t_ev_end[i] = now if p.couple else t
        k += 1
    return max(done), {'events': events, 'air': air_busy, 'intervals': k, 'min': min(done)}

def _take(inflight, i):              # a matured credit leaves the list and lowers inflight once
    inflight[i] -= 1
    return True

CIS = [11250, 15000, 20000, 22500, 25000, 30000, 35000, 40000, 50000, 60000, 70000, 80000, 100000,
       110000, 120000, 125000, 140000, 150000, 160000, 175000, 200000, 225000, 250000, 320000, 400000]

def best(p, n=None):
    n = n or p.n
    if p.ci_us:
        t, st = simulate(p, n, p.ci_us)
        return t, p.ci_us, st
    r = (None, 0, {})
    for ci in CIS:
        if ci // n < p.guard_us + 1400:
            continue
        t, st = simulate(p, n, ci)
        if t and (r[0] is None or t < r[0]):
            r = (t, ci, st)
    return r

# ------------------------------------------------------------------ comparison modes
def stop_and_wait(p, ci_us, buf, mtu):
    q = replace(p, window=1, bufs=4, buf=buf, mtu=mtu, reassembly=buf > mtu, n=1, ci_us=ci_us)
    t, st = simulate(q, 1, ci_us)
    return t

def report(p, ns, label, sw):
    rows = []
    one_best, one_ci, _ = best(replace(p, n=1))
    sw_t = stop_and_wait(p, *sw)
    for n in ns:
        b = bounds(replace(p, n=n))
        f, ci, st = best(p, n)
        seqp = n * (one_best + p.setup_us * US)
        seqs = n * (sw_t + p.setup_us * US) if sw_t else None
        sp = t_swap(p)
        rows.append(dict(n=n, uart=b['uart'], radio=b['radio'], peer=b['peer'], limit=b['limit'],
                         by=b['by'], fan=f, ci=ci, ratio=f / b['limit'] if f else None,
                         seqp=seqp, seqs=seqs, fan_all=(f or 0) + p.setup_us * US + sp,
                         seqp_all=seqp + n * sp, seqs_all=seqs + n * sp if seqs else None))
    return dict(label=label, rows=rows, one=one_best, one_ci=one_ci, sw=sw_t, swap=t_swap(p))

def s(ns):
    return '%.2f' % (ns / S) if ns is not None else '-'

def show(r):
    print('\n## ' + r['label'])
    print('one peer alone: pipelined %s s (CI %.2f ms), stop-and-wait %s s; swap %s s'
          % (s(r['one']), r['one_ci'] / 1000, s(r['sw']), s(r['swap'])))
    print('%3s %7s %7s %7s | %7s %-6s | %7s %8s %6s | %8s %6s %8s %6s | %8s %8s %8s' % (
        'N', 'uart', 'radio', 'peer', 'T_limit', 'bound', 'fan-out', 'CI ms', '/limit',
        'seq-pipe', 'x', 'seq-s&w', 'x', 'all:fan', 'seqpipe', 'seq-s&w'))
    for w in r['rows']:
        print('%3d %7s %7s %7s | %7s %-6s | %7s %8.2f %6s | %8s %6.1f %8s %6.1f | %8s %8s %8s' % (
            w['n'], s(w['uart']), s(w['radio']), s(w['peer']), s(w['limit']), w['by'], s(w['fan']),
            w['ci'] / 1000, '%.3f' % w['ratio'] if w['ratio'] else '-', s(w['seqp']),
            w['seqp'] / w['fan'] if w['fan'] else 0, s(w['seqs']),
            w['seqs'] / w['fan'] if w['fan'] and w['seqs'] else 0, s(w['fan_all']), s(w['seqp_all']),
            s(w['seqs_all'])))


# ------------------------------------------------------------------ energy (nRF52840, 3 V, DC/DC)
E = dict(v=3.0, rx=6.26, tx0=6.40, tx8=16.40,      # mA, PS tables I_RADIO_*: whole chip, HFXO + DC/DC
         cpu=3.3, ifs=4.0, flash=5.0, xtal=0.8,    # cpu PS; ifs, flash, xtal are ASSUMPTIONS: measure (PPK2)
         idle=0.0032,                              # System ON, RAM kept, RTC
         pre_us=120, xtal_us=400, ramp_us=40, post_us=250)

def q_event(phy, ci_s, tx='tx0', ppm=40, up=0, down=0, pairs=1):
    """Charge of one peripheral connection event in microcoulomb (mA x ms)."""
    e = E
    ww = 2 * (16 + ppm * ci_s)                     # receive window widening, both sides, us
    t_rx = pdu_ns(phy, down) / US
    t_tx = pdu_ns(phy, up) / US
    q = e['xtal'] * e['xtal_us'] + e['cpu'] * (e['pre_us'] + e['post_us'])
    q += e['rx'] * (ww / 2 + e['ramp_us'])
    q += pairs * (e['rx'] * t_rx + e[tx] * t_tx) + (2 * pairs - 1) * 150 * e['ifs']
    return q / 1000

def q_adv(interval_s, tx='tx0', n=31):
    e = E
    one = (1 + 4 + 2 + 6 + n + 3) * 8
    q = e['xtal'] * e['xtal_us'] + e['cpu'] * (e['pre_us'] + e['post_us'])
    q += 3 * (e[tx] * (one + 40) + 150 * e['ifs'] + e['rx'] * 120)
    return q / 1000

def energy(p):
    print('\n## energy of one peripheral, nRF52840 3 V DC/DC, model constants', E)
    print('idle connected, average uA (event charge uC):')
    for ci, lat in ((0.01125, 0), (0.03, 0), (0.05, 0), (0.05, 19), (0.1, 0), (0.1, 4), (0.1, 9), (0.25, 0), (0.25, 3),
                    (0.5, 0), (0.5, 3), (1.0, 0), (1.0, 3), (2.0, 0), (4.0, 0)):
        eff = ci * (1 + lat)
        for phy in ('1M',):
            q = q_event(phy, eff)
            print('  CI %7.2f ms latency %2d: %8.1f uA  (%.2f uC)' % (ci * 1000, lat, E['idle'] * 1000 + q / eff, q))
    for iv in (0.02, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0):
        print('  advertising %5.2f s, 31 octets: %6.1f uA (%.1f uC)' % (iv, E['idle'] * 1000 + q_adv(iv) / iv, q_adv(iv)))
    reqs = plan(p)
    npdu = sum(len(r[2]) for r in reqs)
    rx = sum(pdu_ns(p.phy, x) for r in reqs for x in r[2]) / MS
    tx = sum(pdu_ns(p.phy, r[3] if i == 0 else 0) for r in reqs for i, _ in enumerate(r[2])) / MS
    e, w = t_flash(p)
    ev = npdu / 5.0
    for txn in ('tx0', 'tx8'):
        q_radio = rx * E['rx'] + tx * E[txn] + 2 * npdu * .15 * E['ifs']
        q_ev = ev * (q_event(p.phy, .06) - .044 * (E['rx'] + E['tx0']) - .15 * E['ifs'])
        q_fl = (e + w) / MS * E['flash']
        q_cpu = len(reqs) * p.req_cpu_us / 1000 * E['cpu']
        q_sw = t_swap(p) / MS * E['flash']
        tot = q_radio + q_ev + q_fl + q_cpu
        print('%s DFU of %d KiB: radio %.1f mC, event overhead %.1f, flash %.1f, cpu %.1f = %.1f mC = %.0f mJ; swap-%s %.0f mJ more'
              % (txn, p.image // 1024, q_radio / 1000, q_ev / 1000, q_fl / 1000, q_cpu / 1000, tot / 1000,
                 tot / 1000 * E['v'], p.swap, q_sw / 1000 * E['v']))

def edge():
    print('\n## goodput (kB/s of ATT payload, one link, no guards) against bit error rate and LL payload')
    print('%8s' % 'BER' + ''.join('%22s' % ('%s/%d' % (ph, l)) for ph in ('2M', '1M') for l in (27, 69, 123, 251)))
    for ber in (0, 1e-5, 1e-4, 3e-4, 1e-3):
        row = '%8g' % ber
        for ph in ('2M', '1M'):
            for l in (27, 69, 123, 251):
                bits = (4 + 2 + l + 3) * 8
                ok = (1 - ber) ** (bits + 72)            # data PDU and its empty ack
                # a broken pair is repeated; ~ one LL payload carries l octets of L2CAP stream
                row += '%14.1f (%4.1f%%)' % (l * ok / (pair_ns(ph, l) / S) / 1000, 100 * (1 - ok))
        print(row)

def check():
    bad = 0
    def eq(name, got, want, tol=0):
        nonlocal bad
        ok = abs(got - want) <= tol
        bad += not ok
        print('%-58s got %-12s want %-12s %s' % (name, got, want, 'ok' if ok else 'BAD'))
    eq('1M 251 octets, us', pdu_ns('1M', 251) // US, 2088)
    eq('1M 251 octets + MIC, us (Core max)', pdu_ns('1M', 251, True) // US, 2120)
    eq('2M 251 octets + MIC, us', pdu_ns('2M', 251, True) // US, 1064)
    eq('S2 251 + MIC, us (Core max)', pdu_ns('S2', 251, True) // US, 4542)
    eq('S8 251 + MIC, us (Core max)', pdu_ns('S8', 251, True) // US, 17040)
    eq('empty 1M / 2M, us', pdu_ns('1M', 0) // US + pdu_ns('2M', 0) // US, 80 + 44)
    k = 495 * 8 * S / (2 * pair_ns('2M', 251)) / 1000
    eq('2M MTU 498 ceiling kbps vs NCS sample 1415.6 (<= 0.6 %)', round(k, 1), 1415.6, 8.5)
    eq('one SMP frame 2475 in LL PDUs of 251', len(ll_pdus(att_fragments(2475, 498), 251)), 10)
    eq('data in a 2475 frame, offset > 64 Ki', max_data(2475, 70000, 1 << 18), 2449)
    eq('console line: 93 octets in 127', console_bytes(89), 127)
    eq('response octets legacy rc / without', smp_rsp_bytes(70000) * 100 + smp_rsp_bytes(70000, False), 2319)
    return bad

class Out(list):
    def __init__(self, js):
        self.js = js
    def append(self, r):
        list.append(self, r)
        if not self.js:
            show(r)
            sys.stdout.flush()

def main():
    a = argparse.ArgumentParser()
    d = P()
    for f in P.__dataclass_fields__.values():
        nm = '--' + f.name.replace('_', '-')
        if f.type in ('bool', bool):
            a.add_argument(nm, type=lambda v: v not in ('0', 'no', 'false'), default=getattr(d, f.name))
        else:
            a.add_argument(nm, type={'int': int, 'str': str}.get(f.type, f.type), default=None)
    a.add_argument('--json', action='store_true')
    a.add_argument('--check', action='store_true')
    a.add_argument('--energy', action='store_true')
    a.add_argument('--edge', action='store_true')
    o = vars(a.parse_args())
    if o.pop('check'):
        sys.exit(check())
    js = o.pop('json')
    en, ed = o.pop('energy'), o.pop('edge')
    if en or ed:
        if en:
            energy(P())
        if ed:
            edge()
        return
    given = {k: v for k, v in o.items() if v is not None}
    base = replace(d, **given)
    ns = [given['n']] if 'n' in given else [1, 2, 4, 8, 16, 20]
    sw = (11250, 384, 498)       # Zephyr img_mgmt_client: default buffer 384, CI asked by smp_svr 7.5..11.25
    out = Out(js)
    if len(given) > sum(1 for k in P.__dataclass_fields__ if P.__dataclass_fields__[k].type in ('bool', bool)):
        out.append(report(base, ns, 'given parameters', sw))
    else:
        out.append(report(base, ns, 'A stock smp_svr + MCUboot, 2M, MTU 498, 4 x 2475, progressive erase, UART 1 M COBS', sw))
        out.append(report(replace(base, erase='upfront'), ns, 'B as A, whole image erased on the first chunk (upstream default)', sw))
        out.append(report(replace(base, erase='none'), ns, 'C as A, slot already erased', sw))
        out.append(report(replace(base, baud=115200), ns, 'D as A, UART 115200 COBS', sw))
        out.append(report(replace(base, baud=115200, framing='console'), ns, 'E as A, UART 115200 console base64', sw))
        out.append(report(replace(base, phy='1M'), ns, 'F as A, 1M PHY', sw))
        out.append(report(replace(base, buf=384, reassembly=False, mtu=498), ns, 'G as A, default 4 x 384 buffers, no reassembly', sw))
        out.append(report(replace(base, erase_slot_us=89700), ns, 'I as A, peer firmware without partial erase (89.7 ms slots)', sw))
        out.append(report(replace(base, erase='none', erase_page_us=0, word_us=10, flash_slot_us=0), ns, 'H RRAM-like peer (nRF54L15 class): no erase, 10 us a word', sw))
    if js:
        json.dump(out, sys.stdout, indent=1)

if __name__ == '__main__':
    main()
