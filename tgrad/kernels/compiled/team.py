"""The compiled half of the crew (kernels/crew.py): how threads share the blocks of a job without the interpreter. LLVM's language.

Note [The mailbox]
A job is a function to be called once per block. Its facts lie in a mailbox, 8-byte words that all threads see:

    0        the state: the job's number (upper half) and the next block to be taken (lower half)
    8        how many blocks are finished
    16-24    the function, bytes between two blocks' arguments, words of arguments, which word takes the block's bounds (-1: none),
             the range that is cut up, the length of a block, the number of blocks, how many helpers may join, the arguments
    32       set when helpers are to end
    40 + 8i  of helper i: whether it has stopped looking; and whether it is wanted for something else

A thread takes a block by raising the state with compare-and-swap, so a thread that was held up between reading the facts and taking
the block takes nothing if another job has begun meanwhile. Before the facts of a job are replaced, the state is closed: such a thread could
otherwise take a block that only the new facts know of. Who has the job to do takes blocks like everybody else and then waits for
those that others have taken: a helper that sleeps, or does not get a core, costs nothing.

Helpers look for the next job for a while before they go to sleep in Python, since waking one takes longer than most jobs.
"""

from __future__ import annotations

import platform

WORDS = 64  # arguments of one call, at most
MASK = (1 << 32) - 1
FIELDS = ["fn", "stride", "words", "place", "count", "unit", "blocks", "limit", "args"]
SLOT = {name: 16 + i for i, name in enumerate(FIELDS)} | {"finished": 8, "stop": 32}


def _pause() -> tuple[str, str]:
    """(declaration, call) of what a thread does while it looks at memory again and again."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
    if machine in ("arm64", "aarch64"):
        return "declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"
    return "", ""


def _load(name: str, order: str = "monotonic") -> str:
    at = f"  %{name}.at = getelementptr i64, ptr %m, i64 {SLOT[name]}\n"
    return at + f"  %{name} = load atomic i64, ptr %{name}.at {order}, align 8"


TAKE = f"""
define internal i64 @take(ptr %m, i64 %ticket) {{
begin:
  %own = alloca [{WORDS} x i64], align 16
  br label %again
again:
  %state = load atomic i64, ptr %m acquire, align 8
  %number = lshr i64 %state, 32
  %k = and i64 %state, {MASK}
{_load("blocks", "acquire")}
{_load("fn")}
{_load("stride")}
{_load("words")}
{_load("place")}
{_load("count")}
{_load("unit")}
{_load("args")}
  %same = icmp eq i64 %number, %ticket
  %more = icmp ult i64 %k, %blocks
  %left = and i1 %same, %more
  br i1 %left, label %try, label %none
none:
  ret i64 0
try:
  %next = add i64 %state, 1
  %swap = cmpxchg ptr %m, i64 %state, i64 %next acq_rel monotonic, align 8
  %won = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %won, label %mine, label %again
mine:
  %call = inttoptr i64 %fn to ptr
  %base = inttoptr i64 %args to ptr
  %offset = mul i64 %k, %stride
  %at = getelementptr i8, ptr %base, i64 %offset
  %whole = icmp slt i64 %place, 0
  br i1 %whole, label %direct, label %copy
direct:
  call void %call(ptr %at)
  br label %done
copy:
  %i = phi i64 [ 0, %mine ], [ %j, %copy ]
  %from = getelementptr i64, ptr %at, i64 %i
  %to = getelementptr i64, ptr %own, i64 %i
  %word = load i64, ptr %from, align 8
  store i64 %word, ptr %to, align 8
  %j = add i64 %i, 1
  %on = icmp ult i64 %j, %words
  br i1 %on, label %copy, label %cut
cut:
  %low = mul i64 %k, %unit
  %far = add i64 %low, %unit
  %beyond = icmp ugt i64 %far, %count
  %high = select i1 %beyond, i64 %count, i64 %far
  %low.at = getelementptr i64, ptr %own, i64 %place
  %after = add i64 %place, 1
  %high.at = getelementptr i64, ptr %own, i64 %after
  store i64 %low, ptr %low.at, align 8
  store i64 %high, ptr %high.at, align 8
  call void %call(ptr %own)
  br label %done
done:
  %finished.at = getelementptr i64, ptr %m, i64 {SLOT["finished"]}
  %old = atomicrmw add ptr %finished.at, i64 1 release, align 8
  ret i64 1
}}
"""

# share(mailbox, most): takes up to `most` blocks. 0: all are finished; 1: there are more to take; 2: others are still at work
SHARE = f"""
define i64 @tgrad_share(ptr %m, i64 %most) {{
begin:
  %state = load atomic i64, ptr %m acquire, align 8
  %ticket = lshr i64 %state, 32
  br label %work
work:
  %done = phi i64 [ 0, %begin ], [ %one, %took ]
  %got = call i64 @take(ptr %m, i64 %ticket)
  %any = icmp ne i64 %got, 0
  br i1 %any, label %took, label %wait
took:
  %one = add i64 %done, 1
  %enough = icmp uge i64 %one, %most
  br i1 %enough, label %leave, label %work
leave:
  ret i64 1
wait:
  %n = phi i64 [ 0, %work ], [ %n1, %look ]
{_load("finished", "acquire")}
{_load("blocks")}
  %all = icmp uge i64 %finished, %blocks
  br i1 %all, label %end, label %look
end:
  ret i64 0
look:
  PAUSE
  %n1 = add i64 %n, 1
  %long = icmp ugt i64 %n1, 4000
  br i1 %long, label %held, label %wait
held:
  ret i64 2
}}
"""

# start(mailbox, job, most): the job's facts in the order of FIELDS, and right behind them the arguments
START = f"""
define i64 @tgrad_start(ptr %m, ptr %job, i64 %most) {{
begin:
  %state = load atomic i64, ptr %m monotonic, align 8
  %number = lshr i64 %state, 32
  %new = add i64 %number, 1
  %fresh = shl i64 %new, 32
  %closed = or i64 %fresh, {MASK}
  store atomic i64 %closed, ptr %m seq_cst, align 8
  %finished = getelementptr i64, ptr %m, i64 {SLOT["finished"]}
  store atomic i64 0, ptr %finished monotonic, align 8
  br label %copy
copy:
  %i = phi i64 [ 0, %begin ], [ %j, %copy ]
  %from = getelementptr i64, ptr %job, i64 %i
  %word = load i64, ptr %from, align 8
  %at = add i64 %i, {SLOT["fn"]}
  %to = getelementptr i64, ptr %m, i64 %at
  store atomic i64 %word, ptr %to release, align 8
  %j = add i64 %i, 1
  %on = icmp ult i64 %j, {len(FIELDS) - 1}
  br i1 %on, label %copy, label %publish
publish:
  %args = getelementptr i64, ptr %job, i64 {len(FIELDS) - 1}
  %address = ptrtoint ptr %args to i64
  %args.at = getelementptr i64, ptr %m, i64 {SLOT["args"]}
  store atomic i64 %address, ptr %args.at monotonic, align 8
  store atomic i64 %fresh, ptr %m seq_cst, align 8
  %r = call i64 @tgrad_share(ptr %m, i64 %most)
  ret i64 %r
}}
"""

# cancel(mailbox): nobody takes another block; those that nobody has taken count as finished
CANCEL = f"""
define void @tgrad_cancel(ptr %m) {{
begin:
  br label %again
again:
  %state = load atomic i64, ptr %m acquire, align 8
{_load("blocks")}
  %k = and i64 %state, {MASK}
  %more = icmp ult i64 %k, %blocks
  br i1 %more, label %try, label %end
try:
  %left = sub i64 %blocks, %k
  %none = add i64 %state, %left
  %swap = cmpxchg ptr %m, i64 %state, i64 %none acq_rel monotonic, align 8
  %won = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %won, label %count, label %again
count:
  %finished.at = getelementptr i64, ptr %m, i64 {SLOT["finished"]}
  %old = atomicrmw add ptr %finished.at, i64 %left release, align 8
  br label %end
end:
  ret void
}}
"""

# serve(mailbox, i, spins): helper i takes part in jobs, until there has been none for `spins` looks
SERVE = f"""
define void @tgrad_serve(ptr %m, i64 %index, i64 %spins) {{
begin:
  %mine = mul i64 %index, 8
  %first = add i64 %mine, 40
  %second = add i64 %mine, 41
  %asleep = getelementptr i64, ptr %m, i64 %first
  %wanted = getelementptr i64, ptr %m, i64 %second
  br label %fresh
fresh:
  br label %look
look:
  %n = phi i64 [ 0, %fresh ], [ %n1, %idle ]
  %state = load atomic i64, ptr %m acquire, align 8
  %ticket = lshr i64 %state, 32
  %k = and i64 %state, {MASK}
{_load("blocks")}
{_load("limit")}
  %more = icmp ult i64 %k, %blocks
  %may = icmp ult i64 %index, %limit
  %go = and i1 %more, %may
  br i1 %go, label %work, label %idle
work:
  %got = call i64 @take(ptr %m, i64 %ticket)
  %any = icmp ne i64 %got, 0
  br i1 %any, label %work, label %fresh
idle:
  PAUSE
{_load("stop")}
  %other = load atomic i64, ptr %wanted monotonic, align 8
  %n1 = add i64 %n, 1
  %long = icmp ugt i64 %n1, %spins
  %called = or i64 %stop, %other
  %away = icmp ne i64 %called, 0
  %leave = or i1 %long, %away
  br i1 %leave, label %end, label %look
end:
  store atomic i64 1, ptr %asleep seq_cst, align 8
  ret void
}}
"""

# One call of a BLAS's matrix product: its address, and then its arguments
GEMM = """
define void @tgrad_gemm_{name}(ptr %a) {{
begin:
{loads}
  %function = inttoptr i64 %w0 to ptr
  call void %function({args})
  ret void
}}
"""
_GEMM = (
    "i32 i32 i32 n n n f p n p n f p n".split()
)  # order, transposed?, transposed?, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc


def _gemm(real: str, whole: str) -> str:
    kinds = ["i64"] + [{"f": real, "n": whole, "p": "ptr"}.get(k, k) for k in _GEMM]
    name = f"{'f4' if real == 'float' else 'f8'}_{whole}"
    args = ", ".join(f"{k} %w{i}" for i, k in enumerate(kinds) if i)
    return GEMM.format(name=name, loads=unpacking(kinds), args=args)


def unpacking(kinds: list[str]) -> str:
    """Reads values from 8-byte words at %a, as %w0, %w1, ..."""
    lines = []
    for i, kind in enumerate(kinds):
        lines += [
            f"  %at{i} = getelementptr i64, ptr %a, i64 {i}",
            f"  %w{i} = load {kind}, ptr %at{i}, align 8",
        ]
    return "\n".join(lines)


def text() -> str:
    declaration, call = _pause()
    parts = [TAKE, SHARE, START, CANCEL, SERVE]
    parts += [_gemm(real, whole) for real in ("float", "double") for whole in ("i32", "i64")]
    return declaration + "\n" + "".join(parts).replace("PAUSE", call)


def packed(symbol: str, signature: str) -> str:
    """A function of one argument, 8-byte words, which calls a compiled kernel with them. Its name is the kernel's with a dot and "packed"."""
    kinds = [
        "ptr" if c.endswith("*") else {"f4": "float", "f8": "double"}.get(c, f"i{8 * int(c[1])}")
        for c in signature.split()
    ]
    types = ", ".join(["ptr", "ptr", *kinds])
    args = ", ".join(["ptr %room", "ptr %fault", *(f"{k} %w{i}" for i, k in enumerate(kinds))])
    return f"""
declare i32 @"{symbol}"({types})
define void @"{symbol}.packed"(ptr %a) {{
begin:
  %room = alloca [4 x i64], align 16
  %fault = alloca [4 x i64], align 16
{unpacking(kinds)}
  %r = call i32 @"{symbol}"({args})
  ret void
}}
"""
