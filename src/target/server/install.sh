# One installation on this machine, as a conversation: requests come as lines on stdin, replies go as lines to stdout.
# What each request does, what a kill leaves and what heals it is written in `mod.rs`. Comments and indentation are
# taken out before this is sent. No value may reach a program's arguments or environment, nor a variable here.
#
# An install costs what the programs cost that are started, and the waits for the disk. So one program does what it can
# for several files, and the shell does the rest itself; a process for the words of an error is started where there is
# one. `set -C`: no redirection here opens a file that is there already.
# What the login's environment has by one of these names would be exported with the value that it gets here.
unset applies applying base began busy code detail digest digest_new dir draft facts failed fd folder folders form held \
  holder ids kept limit line locks marker missing mode n new nl note note_committed note_mode note_new note_old note_owed \
  old ours out output owed owner path phase pid previous problem real rest second seconds size slot slots stop temp text \
  theirs tool transaction umask_before undo variable verb was who word writable
LC_ALL_before=${LC_ALL-}
LC_ALL=C
export LC_ALL
umask_before=
while [ -z "$umask_before" ] && read -r word rest; do
  case $word in Umask:) umask_before=$rest ;; esac
done 2>/dev/null </proc/self/status
[ "$umask_before" ] || umask_before=$(umask)
umask 077
set -C
marker=$1
transaction=$2
who=$3
nl='
'
failed= stop= busy= slots= size=0 locks=0 folders= applies=0 applying=

fail() {
  failed=1
  printf 'error %s %s\n' "$1" "${2##*"$nl"}"
  return 1
}

digest_of() {
  if [ -e "$1" ] || [ -L "$1" ]; then
    digest=$(sha256sum <"$1") || { digest=unreadable; return 1; }
    digest=${digest%% *}
  else
    digest=-
  fi
}

# Those of the file as it is and of the new one, whose name may make GNU's program put a backslash in front.
digests() {
  digest=- text=
  if present "$real"; then
    text=$(sha256sum -- "$real" "$temp") || { digest=unreadable digest_new=unreadable; return 1; }
    digest=${text%%"$nl"*} text=${text#*"$nl"}
    digest=${digest#\\} digest=${digest%% *}
  else
    text=$(sha256sum -- "$temp") || { digest_new=unreadable; return 1; }
  fi
  digest_new=${text#\\} digest_new=${digest_new%% *}
}

load() {
  slot=$1
  eval "real=\${real_$1-} old=\${old_$1-} new=\${new_$1-} was=\${was_$1-} phase=\${phase_$1-} owed=\${owed_$1-}"
  names
}

names() {
  dir=${real%/*}
  base=${real##*/}
  temp=$dir/.$base.$transaction.luca-secrets-new
  note=$dir/.$base.luca-secrets-note
  undo=$dir/.$base.luca-secrets-undo
  previous=$dir/.$base.luca-secrets-previous
}

enter() {
  phase=$1
  eval "phase_$slot=\$phase owed_$slot=\$owed"
}

jot() {
  printf '%s\n' "$1" >>"$note"
}

make() {
  discard "$1" && printf '%s\n' "$2" >"$1"
}

# Does it; if that fails, once more for the words, which cost a process of the shell's. Never for `sync`: the kernel tells
# of a lost write once.
told() {
  detail=
  "$@" 2>/dev/null || detail=$("$@" 2>&1)
}

present() {
  [ -e "$1" ] || [ -L "$1" ]
}

discard() {
  for path in "$@"; do
    shift
    if present "$path"; then set -- "$@" "$path"; fi
  done
  [ "$#" -eq 0 ] || rm -f -- "$@"
}

# What killed transactions have left of the new file: under the lock, nobody else writes one.
sweep() {
  discard "$dir/.$base."????????????????????????????????.luca-secrets-new "$dir/.$base."????????????????????????????????-note.luca-secrets-new
}

read_note() {
  note_old= note_new= note_mode= note_owed= note_committed=
  while IFS=' ' read -r word rest; do
    case $word in
      old) note_old=$rest ;;
      new) note_new=$rest ;;
      mode) note_mode=$rest ;;
      applying | owed) note_owed=1 ;;
      committed) note_committed=1 ;;
    esac
  done <"$note"
}

look() {
  load "$1"
  real=$2
  if [ -L "$real" ]; then
    real=$(readlink -f -- "$real" 2>/dev/null) && [ "$real" ] || { fail symlink; return; }
    case $real in *"$nl"*) fail symlink; return ;; esac
  fi
  names
  [ -d "$dir/" ] || { fail no-folder "$dir"; return; }
  eval "real_$1=\$real"
  case " $slots " in *" $1 "*) ;; *) slots="$slots $1" ;; esac
  writable=no kept=no
  [ -w "$dir/" ] && writable=yes
  [ -f "$previous" ] && kept=yes
  if present "$real"; then
    [ -f "$real" ] || { fail not-a-file; return; }
    [ -r "$real" ] || { fail unreadable; return; }
    facts=$(stat -c '%s %a %u %g %U %G' -- "$real" 2>&1) || { fail unreadable "$facts"; return; }
    if [ "$3" = content ] && [ "${facts%% *}" -gt 4194304 ]; then fail too-large; return; fi
    printf 'file %s %s %s\n' "$writable" "$kept" "$facts"
  else
    printf 'missing %s %s\n' "$writable" "$kept"
  fi
  printf 'path %s\n' "$real"
  if [ -f "$note" ] && [ -r "$note" ]; then
    while IFS= read -r word; do printf 'note %s\n' "$word"; done <"$note"
  fi
  # The name of a holder that was killed stays, and counts no longer.
  if [ -f "$dir/.luca-secrets-holder" ] && ! holds && ! flock -n -s 3 2>/dev/null 3<"$dir/"; then
    holder_of "$dir"
    printf 'holder %s\n' "${holder#* }"
  fi
  if [ "$3" = digest ]; then
    digest_of "$real" || { fail unreadable; return; }
    printf 'digest %s\n' "$digest"
  elif present "$real"; then
    echo content
    base64 <"$real" || { echo .; fail unreadable; return; }
    echo .
  fi
  echo ok look
}

holder_of() {
  holder=
  [ -f "$1/.luca-secrets-holder" ] && IFS= read -r holder <"$1/.luca-secrets-holder"
}

take_over() {
  holder_of "$1"
  pid=${holder%% *}
  rest=${holder#* }
  [ "${rest%% *}" = "$2" ] || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  case $(tr '\000' ' ' <"/proc/$pid/cmdline") in *" $2 "*) kill -TERM "$pid" ;; *) return 1 ;; esac
  for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    flock -n "$fd" && return
    sleep 1
  done
  return 1
}

lock() {
  command -v flock >/dev/null || { fail no-flock; return; }
  [ -d "$1/" ] || { fail no-folder "$1"; return; }
  [ -w "$1/" ] || { fail read-only "$1"; return; }
  for fd in $folders; do
    eval "held=\$folder_$fd"
    if [ "$held/" -ef "$1/" ]; then echo ok lock; return; fi
  done
  fd=$((locks + 4))
  [ "$fd" -le 9 ] || { fail too-many-folders; return; }
  eval "folder_$fd=\$1"
  eval "command exec $fd<\"\$1/\"" 2>/dev/null || { fail no-folder "$1"; return; }
  told flock -n "$fd"
  code=$?
  if [ "$code" -ne 0 ] && [ "$detail" ]; then
    fail cannot-lock "$detail"
    return
  elif [ "$code" -ne 0 ] && ! { [ "$2" != - ] && take_over "$1" "$2" 2>/dev/null; }; then
    holder_of "$1"
    rest=${holder#* }
    eval "exec $fd<&-"
    fail held "${rest#* }"
    return
  fi
  locks=$((locks + 1))
  folders="$folders $fd"
  told make "$1/.luca-secrets-holder" "$$ $transaction $who" || { fail cannot-write "$detail"; return; }
  echo ok lock
}

# Takes away the names of the holder, with what else is given, and lets go of the locks.
release() {
  for fd in $folders; do
    eval "set -- \"\$@\" \"\$folder_$fd/.luca-secrets-holder\""
  done
  told discard "$@"
}

unlock() {
  for fd in $folders; do
    eval "exec $fd<&-"
  done
  folders= locks=0
}

# Whether this process has the folder's lock.
holds() {
  for fd in $folders; do
    eval "held=\$folder_$fd"
    [ "$held/" -ef "$dir/" ] && return
  done
  return 1
}

is_locked() {
  holds || fail not-locked
}

stage() {
  load "$1"
  [ "$real" ] || { fail not-looked; return; }
  is_locked || return
  if present "$note" && [ -z "$owed" ]; then fail unhealed; return; fi
  old=$2 new=$3
  if fill "$6" && compare "$6" && own "$4" "$5" && write_note; then
    eval "old_$1=\$old new_$1=\$new was_$1=\$was"
    enter staged
    printf 'digest %s\n' "$new"
    echo ok stage
  else
    discard "$temp" 2>/dev/null
    [ "$owed" ] || discard "$note" 2>/dev/null
    fail "$problem" "$detail"
  fi
}

# A new file that is empty, where nobody else has one.
begin() {
  sweep && printf '' >"$temp"
}

# The content comes right behind the request, as it is; no more than that may be read of what comes.
fill() {
  problem=cannot-write detail=
  told begin || return
  if [ "$1" = previous ]; then
    problem=no-previous
    [ -f "$previous" ] || return
    problem=cannot-write
    detail=$(cat <"$previous" 2>&1 >>"$temp")
  elif [ "$size" -gt 0 ]; then
    set -- "$size"
    size=0
    detail=$(dd "bs=$1" count=1 iflag=fullblock status=none 2>&1 >>"$temp")
  fi
}

compare() {
  digests
  problem=changed detail=
  [ "$digest" = "$old" ] || return
  problem=garbled
  [ "$1" != previous ] || new=$digest_new
  [ "$digest_new" = "$new" ] && [ "$new" != unreadable ]
}

# What of the content was not taken is passed over, so that it is not taken for requests: up to the digest behind it.
pass_over() {
  [ "$size" -eq 0 ] || dd "bs=$size" count=1 iflag=fullblock status=none >/dev/null 2>&1
  size=0
  while IFS= read -r line && [ "$line" != "$1" ]; do :; done
}

own() {
  mode=$1 owner=$2 was=
  if [ "$old" != - ]; then
    problem=unreadable
    detail=$(stat -c '%a %u:%g' -- "$real" "$temp" 2>&1) || return
    theirs=${detail%%"$nl"*} ours=${detail#*"$nl"}
    was=${theirs% *}
    [ "$mode" != - ] || mode=$was
    [ "$owner" != - ] || [ "${theirs#* }" = "${ours#* }" ] || owner=${theirs#* }
  fi
  problem=cannot-own
  if [ "$owner" != - ]; then told chown -- "$owner" "$temp" || return; fi
  if [ "$mode" != - ] && [ "$mode" != 600 ]; then told chmod -- "$mode" "$temp" || return; fi
}

# One that says that an apply is owed is there still, and is replaced as a whole.
write_note() {
  problem=cannot-write
  text="transaction $transaction${nl}by $who${nl}old $old${nl}new $new"
  [ -z "$was" ] || text="$text${nl}mode $was"
  if [ "$owed" ]; then
    draft=$dir/.$base.$transaction-note.luca-secrets-new
    if ! told make "$draft" "$text${nl}owed" || ! detail=$(mv -f -- "$draft" "$note" 2>&1); then
      discard "$draft" 2>/dev/null
      return 1
    fi
  else
    told make "$note" "$text" || return
  fi
  detail=$(sync -- "$temp" "$note" "$dir" 2>&1)
}

# The folder is synced by what comes next: the first apply, the commit, or what puts the old file back.
swap() {
  load "$1"
  [ "$phase" = staged ] || { fail not-staged; return; }
  digests
  [ "$digest" = "$old" ] || { fail changed; return; }
  [ "$digest_new" = "$new" ] || { fail garbled; return; }
  told discard "$undo" || { fail cannot-write "$detail"; return; }
  if [ "$old" != - ]; then
    ln -- "$real" "$undo" 2>/dev/null || detail=$(cp -p -- "$real" "$undo" 2>&1) ||
      { discard "$undo"; fail cannot-write "$detail"; return; }
  fi
  told mv -f -- "$temp" "$real"
  code=$?
  # Whatever it says: what is no longer there has gone where it should.
  if present "$temp"; then discard "$undo"; fail cannot-write "$detail"; return; fi
  enter swapped
  [ "$code" -eq 0 ] || { fail cannot-write "$detail"; return; }
  printf 'digest %s\n' "$digest_new"
  echo ok swap
}

clock() {
  seconds=0
  read -r seconds rest </proc/uptime
  seconds=${seconds%%.*}
}

run() {
  limit=$1 folder=$2 code=126
  shift 2
  [ -d "$folder/" ] || { fail no-folder "$folder"; return; }
  command -v timeout >/dev/null && set -- timeout -k 5 "$limit" "$@"
  clock
  began=$seconds
  output=$(
    {
      (
        if [ "$LC_ALL_before" ]; then LC_ALL=$LC_ALL_before; else unset LC_ALL; fi
        umask "$umask_before"
        cd "$folder/" && exec "$@"
      ) 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
      # The line after it is for BusyBox, whose `sed` reads one ahead.
      printf '\n%s %s\n.\n' "$marker" "$?"
    } </dev/null 2>&1 | sed "/^$marker [0-9]*\$/q" | tail -c 8192
  )
  code=${output##*"$marker "}
  output=${output%"$nl$marker "*}
}

report() {
  echo output
  printf '%s' "$output" | base64
  echo .
  output=
  case $code in
    0) echo ok run ;;
    124 | 137 | 143)
      # So ends what `timeout` has ended, and what has been killed by others.
      clock
      if [ "$((seconds - began))" -ge "$limit" ]; then fail deadline "$limit"; else fail exit "$code"; fi
      ;;
    *) fail exit "$code" ;;
  esac
}

remember() {
  n=0
  while [ "$n" -lt "$applies" ]; do
    n=$((n + 1))
    eval "[ \"\$apply_$n\" = \"\$1\" ]" && return
  done
  applies=$((n + 1))
  eval "apply_$applies=\$1"
}

# What is on the disk before services read the new files: that they are in place, and that services may have read them.
apply() {
  [ -z "$applying" ] || return 0
  set --
  for n in $slots; do
    load "$n"
    [ "$phase" = swapped ] || continue
    told jot applying || { fail cannot-write "$detail"; return; }
    set -- "$@" "$dir" "$note"
  done
  [ "$#" -eq 0 ] || detail=$(sync -- "$@" 2>&1) || { fail cannot-write "$detail"; return; }
  applying=1
}

keep_undo() {
  if present "$undo"; then
    mv -f -- "$undo" "$previous" || return
    if [ "$was" = 600 ]; then return; fi
  fi
  if present "$previous"; then chmod 600 "$previous" || return; fi
}

keep_previous() {
  keep_undo || return
  discard "$note" "$temp" && sync -- "$dir"
}

put_back() {
  if [ "$old" = - ]; then
    discard "$real" || return
  elif present "$undo"; then
    mv -f -- "$undo" "$real" || return
  else
    digest_of "$previous"
    [ "$digest" = "$old" ] || { echo "the previous file is gone"; return 1; }
    cp -p -- "$previous" "$undo" && chmod "${was:-600}" "$undo" && mv -f -- "$undo" "$real" || return
  fi
  sync -- "$dir"
}

# The notes' end, once it is on the disk, is what commits. Until then a note says that there is no way back, which a kill
# cannot undo; what a power loss makes of it goes back, and is whole all the same.
commit() {
  for n in $slots; do
    load "$n"
    [ "$phase" = swapped ] || continue
    jot committed 2>/dev/null
    owed=
    enter committed
  done
  set --
  for n in $slots; do
    load "$n"
    [ "$phase" = committed ] || continue
    told keep_undo || { fail unfinished "$detail"; return; }
    set -- "$@" "$note"
  done
  release "$@" || { fail cannot-write "$detail"; return; }
  set --
  for n in $slots; do
    load "$n"
    [ "$phase" != committed ] || set -- "$@" "$dir"
  done
  [ "$#" -eq 0 ] || detail=$(sync -- "$@" 2>&1) || { fail cannot-write "$detail"; return; }
  unlock
  applies=0 applying=
  echo ok commit
}

settle() {
  for n in $slots; do
    load "$n"
    case $phase in undone | healed) ;; *) continue ;; esac
    detail=$({ discard "$note" && sync -- "$dir"; } 2>&1) || { fail cannot-write "$detail"; return; }
    owed=
    enter
  done
  applies=0 applying=
  echo ok settle
}

undo_slot() {
  case $phase in
    staged)
      discard "$temp" || return
      if [ "$owed" ]; then enter healed; else discard "$note" && enter; fi
      ;;
    swapped)
      digest_of "$real"
      [ "$digest" = "$new" ] || { echo changed; return 1; }
      put_back || return
      [ -z "$applying" ] || owed=1
      if [ "$owed" ]; then enter undone; else discard "$note" && enter; fi
      ;;
  esac
}

undo() {
  failed=
  for n in $slots; do
    load "$n"
    case $phase in staged | swapped) ;; *) continue ;; esac
    if undo_slot >"/dev/null" 2>&1; then
      load "$n"
      digest_of "$real"
      printf 'undone %s %s %s\n' "$n" "$digest" "${owed:-0}"
    else
      printf 'left %s %s\n' "$n" "$digest"
      failed=1
    fi
  done
  if [ "$failed" ]; then fail not-undone; else echo ok undo; fi
}

heal() {
  load "$1"
  [ "$real" ] || { fail not-looked; return; }
  is_locked || return
  detail=$(sweep 2>&1) || { fail cannot-write "$detail"; return; }
  if ! present "$note"; then
    detail=$(discard "$undo" 2>&1) || { fail cannot-write "$detail"; return; }
    digest_of "$real"
    printf 'healed 0\ndigest %s\n' "$digest"
    echo ok heal
    return
  fi
  read_note
  old=$note_old new=$note_new was=$note_mode owed=$note_owed
  digest_of "$real"
  if [ "$note_committed" ]; then
    owed=
    detail=$(keep_previous 2>&1) || { fail cannot-write "$detail"; return; }
  elif [ "$digest" = "$old" ] || [ -z "$new" ]; then
    detail=$(discard "$undo" 2>&1) || { fail cannot-write "$detail"; return; }
  elif [ "$2" = back ]; then
    [ "$digest" = "$new" ] || { fail changed; return; }
    detail=$(put_back 2>&1) || { fail cannot-write "$detail"; return; }
  else
    owed=1
    detail=$({ jot owed && keep_undo; } 2>&1) || { fail cannot-write "$detail"; return; }
  fi
  if [ "$owed" ]; then
    enter healed
  else
    detail=$({ discard "$note" && sync -- "$dir"; } 2>&1) || { fail cannot-write "$detail"; return; }
    enter
  fi
  digest_of "$real"
  printf 'healed %s\ndigest %s\n' "${owed:-0}" "$digest"
  echo ok heal
}

attest() {
  folder=$1 variable=$2
  command -v docker >/dev/null || { fail no-docker; return; }
  set --
  command -v timeout >/dev/null && set -- timeout -k 5 60
  ids=$("$@" docker ps -aq --no-trunc --filter "label=com.docker.compose.project.working_dir=$folder" 2>/dev/null </dev/null) ||
    { fail docker "$("$@" docker ps -q 2>&1 >/dev/null </dev/null)"; return; }
  if [ "$ids" ]; then
    form='{{.Name}} {{.State.Status}} {{index .Config.Labels "com.docker.compose.service"}} {{range .Config.Env}}{{$pair := split . "="}}{{if eq (index $pair 0) "'$variable'"}}{{json (index $pair 1)}}{{end}}{{end}}'
    out=$("$@" docker inspect --type container --format "$form" $ids 2>/dev/null </dev/null) ||
      { out=; fail docker "docker inspect failed"; return; }
    printf '%s\n' "$out" | while IFS= read -r word; do printf 'container %s\n' "${word#/}"; done
    out=
  fi
  echo ok attest
}

finish() {
  trap '' HUP INT TERM
  exec >/dev/null 2>&1
  for n in $slots; do
    load "$n"
    undo_slot
  done
  if [ "$applying" ] && apply_again; then
    for n in $slots; do
      load "$n"
      [ "$phase" = undone ] && discard "$note" && sync -- "$dir"
    done
  fi
  release
  exit 0
}

apply_again() {
  n=0
  while [ "$n" -lt "$applies" ]; do
    n=$((n + 1))
    eval "eval \"run \$apply_$n\""
    [ "$code" = 0 ] || return
  done
}

serve() {
  verb=$1
  shift
  [ "$verb" != stage ] || [ "$6" = previous ] || size=$6
  case $verb in
    look | attest | undo) "$verb" "$@" ;;
    bye) echo ok bye && finish ;;
    lock | stage | swap | commit | settle | heal | apply | probe)
      if [ "$failed" ]; then
        echo "skipped $verb"
      elif [ "$verb" = apply ]; then
        remember "${line#apply }"
        apply && run "$@" && report
      elif [ "$verb" = probe ]; then
        # One that does not hold is an answer, and is asked again.
        run "$@" && report
        failed=
      else
        "$verb" "$@"
      fi
      if [ "$verb" = stage ] && [ "$6" != previous ]; then pass_over "$3"; fi
      ;;
    *) fail unknown-request ;;
  esac
}

trap 'stop=1; [ "$busy" ] || finish' HUP INT TERM
trap : PIPE
missing=
for tool in flock sha256sum base64 dd stat readlink timeout sync sed tail; do
  command -v "$tool" >/dev/null || missing="$missing $tool"
done
printf 'luca-secrets %s 1%s\n' "$marker" "$missing"
while [ -z "$stop" ] && IFS= read -r line; do
  busy=1
  eval "set -- $line"
  serve "$@"
  busy=
done
finish
