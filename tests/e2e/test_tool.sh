#!/usr/bin/env bash
# Goal: hoi alone, without a daemon, founds an association, takes in units, forms and figures by hand and from every dialect of table, adds them up exactly, and refuses
# what is wrong with the right exit status, in the user's language, leaving the store as it was.
set -u -o pipefail

bin=$(cd "${HOI_BIN:-build/release}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOI_DIR=$work/node
unset LANG LC_ALL LC_MESSAGES LANGUAGE
failures=0

hoi() { "$bin/hoi" "$@"; }
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
# field PATH: the value at a path such as fields.gifts.value in the JSON on standard input
field() { /usr/bin/python3 -c 'import functools, json, sys
print(functools.reduce(lambda o, k: o[int(k)] if isinstance(o, list) else o[k], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }
is() { [[ $2 == "$3" ]] || fail "$1: wanted '$3', got '$2'"; }
says() { grep -qF -- "$2" out || { fail "$1: nothing says '$2'"; sed 's/^/    | /' out; }; }
fingerprint() { hoi digest 2>/dev/null && hoi check --json 2>/dev/null; }
# refused STATUS HOI-NUMBER arguments...: exits so, says so, and the store is as it was ("-": no number, a mistake on the command line)
refused() {
    local status=$1 number=$2 before after; shift 2
    before=$(fingerprint)
    hoi "$@" >out 2>&1 </dev/null
    is "hoi $*" $? "$status"
    [[ $number == - ]] || says "hoi $*" "$number"
    after=$(fingerprint)
    is "the store after hoi $*" "$after" "$before"
}
done_well() { hoi "$@" >out 2>&1 </dev/null || { fail "hoi $*: exit $?"; sed 's/^/    | /' out; }; }
narrow() { /usr/bin/python3 -c 'import sys, unicodedata
for line in sys.stdin.read().splitlines():
    if sum(not unicodedata.combining(c) for c in unicodedata.normalize("NFC", line)) > 80: sys.exit(f"wider than 80: {line}")' <out || fail "$1"; }

cat >welfare.json <<'EOF'
{"name": "welfare", "title": {"vi": "An sinh xã hội", "en": "Welfare"}, "period": "quarter", "levels": [3],
 "fields": [
  {"name": "cash", "type": "money", "minimum": 0, "over_units": "sum", "over_time": "sum", "label": {"vi": "Tiền mặt vận động", "en": "Cash raised"}},
  {"name": "rice_kg", "type": "decimal", "places": 1, "measure": "kg", "over_units": "sum", "over_time": "sum", "label": {"vi": "Gạo vận động", "en": "Rice"}},
  {"name": "gifts", "type": "integer", "over_units": "sum", "over_time": "sum", "label": {"vi": "Suất quà", "en": "Gifts"}},
  {"name": "note", "type": "text", "label": {"vi": "Ghi chú", "en": "Note"}},
  {"name": "per_gift", "type": "computed", "places": 2, "formula": "cash / gifts", "label": {"vi": "Bình quân một suất", "en": "Per gift"}}]}
EOF
cat >units.csv <<'EOF'
code,parent_code,level,name
560,VN,tỉnh,Tỉnh Sơn Hòa
00004,560,xã,Xã Xuân Quang 2
00008,560,xã,"Xã Ea D'Rơng"
00025,560,xã,Phường Trần Phú
EOF

# 1. Founding: what is wrong leaves nothing behind; the keys are files of nobody else.
hoi status >out 2>&1; is "status without a node" $? 1; says "status without a node" "--dir"
hoi init X --unit VN --name Y --level 0 --recovery-dir "$HOI_DIR/keys" >out 2>&1; is "keys inside the directory" $? 2
hoi init X --unit VN --name Y --level 0 >out 2>&1; is "no recovery directory" $? 2
hoi init X --unit VN --name Y --level nine --recovery none >out 2>&1; is "no such level" $? 1; says "no such level" HOI-0405
mkdir keys; : >keys/hoi-recovery-3.key
hoi init X --unit VN --name Y --level 0 --recovery-dir keys >out 2>&1; is "keys in the way" $? 1
is "what a failed founding leaves" "$(ls keys) $(test -e node/store.db && echo store)" "hoi-recovery-3.key "
rm keys/hoi-recovery-3.key
hoi init X --unit VN --name Y --level 0 --recovery-dir keys --dry-run >out 2>&1; is "dry run of founding" $? 0
is "what a dry run leaves" "$(ls keys) $(test -e node && echo node)" " "
done_well init "Hội Liên hiệp" --unit VN --name "Trung ương Hội" --level "trung ương" --recovery-dir keys --practice
says "a practice association" "TẬP DƯỢT"
is "recovery files" "$(find keys -type f -perm 600 | wc -l)" 6
is "keys on the pages" "$(grep -hc '^hoir1-' keys/hoi-recovery-1.txt)" 2
is "distinct keys" "$(grep -h '^secret' keys/*.key | sort -u | wc -l)" 3
done_well status; says status "$work/keys"; narrow "status"
refused 1 HOI-0502 init Z --unit VN --name Y --level 0 --recovery none
rm -r keys; done_well status; says "keys carried away" "Không có việc gì phải làm"

# 2. Units and forms.
done_well unit import units.csv; says "units" "Đã thêm 4 đơn vị"
done_well unit import units.csv; says "units again" "Đã thêm 0 đơn vị"
printf 'code,parent_code,level,name\nA1,560,xã,Một\nA1,560,xã,Hai\nA2,ZZ,xã,Ba\nA3,560,ấp,Bốn\n' >bad.csv
refused 1 HOI-0424 unit import bad.csv
says "bad units" "dòng 3, cột 1"; says "bad units" "dòng 4, cột 2"; says "bad units" "dòng 5, cột 3"
refused 1 HOI-0404 unit add 00004 --name "Xã khác" --level 3 --parent 560
refused 1 HOI-0401 unit show 99999
refused 1 HOI-0407 put welfare 2025-Q3 --unit 00004 --on-behalf gifts=1
done_well form add welfare.json
is "a form again" "$(hoi form add welfare.json --json 2>/dev/null | field changed)" False
echo '{"name": "Bad", "period": "week", "fields": [{"name": "a", "type": "integr"}]}' >bad.json
refused 1 HOI-0409 form add bad.json; says "a bad form" "fields[0].type"; says "a bad form" "period:"
echo '{"name": }' >bad.json; refused 1 HOI-0409 form check bad.json
done_well form show welfare -o template.csv
is "the template" "$(tr -d '\r' <template.csv | tail -c +4)" "unit,period,Tiền mặt vận động,Gạo vận động,Suất quà,Ghi chú"

# 3. By hand: what people write; missing, zero and not applicable are three things.
done_well put welfare "quý III/2025" --unit 00004 --on-behalf gifts=4.731 "cash=trên 173 tỉ đồng" rice_kg=12,5 note=x1
done_well put welfare 2025-Q3 --unit 00004 --on-behalf note=
hoi show welfare 2025-Q3 --unit 00004 --json >record 2>/dev/null
is "thousands" "$(field rows.0.fields.gifts.value <record)" 4731
is "money" "$(field rows.0.fields.cash.value <record) $(field rows.0.fields.cash.qualifier <record)" "173000000000 over"
is "raw text" "$(field rows.0.fields.cash.raw <record)" "trên 173 tỉ đồng"
is "decimal" "$(field rows.0.fields.rice_kg.value <record)" 12.5
is "missing" "$(field rows.0.fields.note.state <record)" missing
done_well put welfare 2025-Q3 --unit 00008 --on-behalf gifts=0 rice_kg=na
is "zero" "$(hoi show welfare 2025-Q3 --unit 00008 --json 2>/dev/null | field rows.0.fields.gifts.value)" 0
is "not applicable" "$(hoi show welfare 2025-Q3 --unit 00008 --json 2>/dev/null | field rows.0.fields.rice_kg.state)" na
done_well show welfare 2025-Q3 --unit 00004; says show "trên 173.000.000.000"; says show "4.731"; narrow show
refused 1 HOI-0414 put welfare 2025-Q3 --unit 00025 --on-behalf gifts=nhiều
refused 1 HOI-0416 put welfare 2025-Q3 --unit 00025 --on-behalf rice_kg=1.250
refused 1 HOI-0411 put welfare 2025-Q3 --unit 00025 --on-behalf giftz=1
refused 1 HOI-0417 put welfare 2025-Q3 --unit 00025 --on-behalf per_gift=1
refused 1 HOI-0415 put welfare 2025-Q3 --unit 00025 --on-behalf cash=-1
refused 1 HOI-0413 put welfare 2025-06 --unit 00025 --on-behalf gifts=1; says "the kind that is wanted" "quý"
refused 1 HOI-0413 show welfare 2025-06 --unit 00025; says "the kind that is wanted" "quý"
refused 1 HOI-0413 rollup welfare 2025-06; says "the kind that is wanted" "quý"
refused 1 HOI-0412 put welfare someday --unit 00025 --on-behalf gifts=1
refused 1 HOI-0420 put welfare 2025-Q3 --unit 560 --on-behalf gifts=1

# Its story: every entry with what it wrote, the oldest first, also what no longer counts.
done_well put welfare 2025-Q3 --unit 00004 gifts=4.740 --reason "đếm lại"
hoi show welfare 2025-Q3 --unit 00004 --history --json >record 2>/dev/null
is "what the first wrote" "$(field rows.0.entries.0.fields.gifts.value <record) $(field rows.0.entries.0.fields.cash.qualifier <record)" "4731 over"
is "what the second wrote" "$(field rows.0.entries.1.fields.note.state <record)" missing
is "what the last wrote" "$(field rows.0.entries.2.fields.gifts.value <record) $(field rows.0.entries.2.reason <record)" "4740 đếm lại"
is "no history unasked" "$(hoi show welfare 2025-Q3 --unit 00004 --json 2>/dev/null | field rows.0.entries.0 | grep -c fields)" 0
done_well show welfare 2025-Q3 --unit 00004 --history; narrow "a history"
says "a history" "Lịch sử, cũ nhất trước"; says "a history" "lý do: đếm lại"; says "a history" "Suất quà: 4.731"; says "a history" "Suất quà: 4.740"
says "a history" "“trên 173 tỉ đồng”"; says "a history" "(máy $(hoi status --json 2>/dev/null | field node.id | cut -c1-6))"
is "the oldest first" "$(grep -o 'Suất quà: 4.7[0-9]*' out | head -n 1)" "Suất quà: 4.731"
hoi --lang en show welfare 2025-Q3 --unit 00004 --history >out 2>/dev/null; says "a history in English" "History, the oldest first"

# An office above those that report may add figures of its own; that nobody waits for them is said.
echo '{"name": "loose", "period": "year", "fields": [{"name": "a", "type": "integer"}]}' >loose.json
done_well form add loose.json
done_well put loose 2025 a=1; says "figures nobody waits for" "không thuộc diện phải báo cáo"
is "nobody waits" "$(hoi put loose 2025 a=2 --json 2>/dev/null | field expected)" False
done_well put loose 2025 --unit 00004 --on-behalf a=1
if grep -q "không thuộc diện" out; then fail "a unit that is expected to report is told that it is not"; fi

# 4. From tables: every dialect gives the same records as the first.
printf 'unit,period,Tiền mặt vận động,rice_kg,SUẤT QUÀ,Note\n00004,2025-Q4,"275 triệu","1.250,5",40,"hai\ndòng"\n00025,2025-Q4,,12,7,\n' >plain.csv
is "first import" "$(hoi import welfare plain.csv --on-behalf --json 2>/dev/null | field records)" 2
before=$(hoi digest 2>/dev/null)
sed 's/"275 triệu"/275 triệu/; s/"1.250,5"/1.250,5/; /^00025/s/,/;/g; /^unit/s/,/;/g; /^00004/s/^00004,2025-Q4,275 triệu,1.250,5,40,/00004;2025-Q4;275 triệu;1.250,5;40;/' plain.csv >semicolon.csv
sed 's/;/\t/g' semicolon.csv >tab.csv
{ printf 'sep=;\r\n'; sed 's/$/\r/' semicolon.csv; } >sep.csv
{ printf '\xef\xbb\xbf'; cat semicolon.csv; } >bom.csv
/usr/bin/python3 -c 'import unicodedata; open("nfd.csv", "w", newline="").write(unicodedata.normalize("NFD", open("semicolon.csv").read()))'
/usr/bin/python3 -c 'open("cr.csv", "w", newline="").write(open("semicolon.csv").read().replace("hai\ndòng", "hai dòng").replace("\n", "\r"))'
for table in semicolon tab bom nfd; do
    hoi import welfare $table.csv --on-behalf --json >out 2>/dev/null; is "import of $table.csv" $? 0
    is "records changed by $table.csv" "$(field records <out) $(hoi digest 2>/dev/null)" "0 $before"
done
done_well import welfare sep.csv --on-behalf
done_well import welfare cr.csv --on-behalf --dry-run; says "carriage returns alone" "2 dòng"
printf 'period,gifts\n' >empty.csv; refused 1 HOI-0433 import welfare empty.csv
printf 'unit,gifts,Lạ\n00004,1,2\n' >strange.csv
refused 1 HOI-0425 import welfare strange.csv --period 2025-Q4 --on-behalf; says "a strange column" "dòng 1, cột 3 (Lạ)"
done_well import welfare strange.csv --period 2026-Q1 --on-behalf --ignore-columns
refused 1 HOI-0412 import welfare strange.csv --on-behalf --ignore-columns
refused 1 HOI-0509 import welfare nothing.csv
printf 'H\364i,gifts\n' >latin.csv; refused 1 HOI-0431 import welfare latin.csv --period 2025-Q4
printf '\377\376u\0n\0' >utf16.csv; refused 1 HOI-0431 import welfare utf16.csv --period 2025-Q4
printf 'unit,note\n00004,"open\n' >quote.csv; refused 1 HOI-0424 import welfare quote.csv --period 2025-Q4

# 5. A table with mistakes imports nothing and lists every one, by line and column, the tool's and the store's in one list.
printf 'unit,period,cash,rice_kg,gifts\n00004,2026-Q2,1,1,1\n00008,2026-Q2,abc,"1,5",2\n99999,2026-Q2,1,1,1\n00025,2026-Q2,-7,1,vài\n00025,2026-13,1,1,1\n,2026-Q2,9,9,9\n560,2026-Q2,1,1,1\n' >bad.csv
refused 1 HOI-0424 import welfare bad.csv --on-behalf
for place in "dòng 3, cột 3 (cash): “abc”" "dòng 4, cột 1 (unit)" "dòng 5, cột 3 (cash)" "dòng 5, cột 5 (gifts): “vài”" "dòng 6, cột 2 (period)" "dòng 7, cột 1 (unit)" "dòng 8, cột 1 (unit)"; do
    says "mistakes" "$place"
done
is "mistakes listed" "$(grep -c '^  dòng' out)" 7
refused 1 HOI-0424 import welfare bad.csv --on-behalf --dry-run
printf 'unit,period,gifts\n00004,2026-Q2,1\n00025,2026-06,1\n00004,2026-Q2,2\n' >twice.csv
refused 1 HOI-0424 import welfare twice.csv --on-behalf; says "given twice" "lần đầu ở dòng 2"; says "the kind that is wanted" "quý"

# 6. Adding up: exact, with completeness; into files.
hoi rollup welfare 2025-Q4 --unit 560 --json >sum 2>/dev/null
is "sum of gifts" "$(field fields.gifts.value <sum)" 47
is "sum of rice" "$(field fields.rice_kg.value <sum)" 1262.5
is "computed after adding up" "$(field fields.per_gift.value <sum)" 5851063.83
is "completeness" "$(field completeness.expected <sum)-$(field completeness.reported <sum)-$(field completeness.missing <sum)" "3-2-['00008']"
done_well rollup welfare 2025-Q4 --unit 560; says rollup "1.262,5"; says rollup "00008 Xã Ea D'Rơng"; says rollup "Chưa đủ: 2 trên 3"; narrow rollup
done_well rollup welfare 2025-Q3..2025-Q4 --by unit --unit 560; says "by unit" "00025 Phường Trần Phú"; narrow "by unit"
done_well rollup welfare 2025-Q3..2025-Q4 --by period; says "by period" "2025-Q3"
done_well rollup welfare 2025-Q4 --by level 1; says "by level" "560 Tỉnh Sơn Hòa"
done_well rollup welfare 2025-Q4 --by unit --unit 560 -o sum.csv
is "the total in the file" "$(tail -n 1 sum.csv | tr -d '\r')" "560,Tỉnh Sơn Hòa,2025-Q4,275000000,1262.5,47,5851063.83,3,2"
done_well rollup welfare 2025-Q4 --unit 560 -o sum.json; is "JSON file" "$(cmp -s sum.json <(hoi rollup welfare 2025-Q4 --unit 560 --json 2>/dev/null) && echo same)" same
refused 2 - rollup welfare 2025-Q4 -o sum.html
refused 4 HOI-0510 rollup welfare 2025-Q4 -o nowhere/sum.csv
refused 1 HOI-0401 rollup welfare 2025-Q4 --unit 77777

# 7. Documents, settings, tokens.
echo "Nội dung" | hoi send --to "560/*" --title "Về báo cáo quý" --text - --number 05-CT/TW >out 2>&1; is send $? 0
done_well inbox --all; says inbox "05-CT/TW"; says inbox "Nội dung"
refused 1 HOI-0428 send --to "" --title x
refused 1 HOI-0429 config nonsense 1
refused 1 HOI-0430 config listen here
done_well config advertise tcp://127.0.0.1:7400
hoi invite 00004 >token 2>/dev/null; is "a token alone" "$(wc -l <token) $(cut -c1-6 token)" "1 hoi1-s"
refused 2 - invite 00004 --expires never
echo "hoi1-aaaaa-bbbbb" | hoi --dir "$work/other" join - >out 2>&1; is "a damaged token" $? 1; says "a damaged token" HOI-0310
hoi join - <token >out 2>&1; is "joining where a node lives" $? 1; says "joining where a node lives" HOI-0606
refused 1 HOI-0601 sync

# 8. Wrong use, languages, a screen that cannot be written.
refused 2 - ; refused 2 - submit welfare 2025-Q3; refused 2 - put welfare; refused 2 - put welfare 2025-Q3 gifts; refused 2 - status --nonsense; refused 2 - unit; refused 2 - --lang fr status; refused 2 - show welfare 2025-Q3 --unit $'\xff'
hoi stauts >out 2>&1; says "a slip" "hoi status"
for verb in "unit add" put import rollup; do # shellcheck disable=SC2086
    done_well $verb --help; narrow "help of $verb"
done
done_well help; narrow help
LANG=en_US.UTF-8 hoi put nix 2025-Q3 a=1 >out 2>&1; says English "Error HOI-0407: There is no form"
LC_ALL=C LANG=en_US.UTF-8 hoi put nix 2025-Q3 a=1 >out 2>&1; says "C is no language" "Lỗi HOI-0407"
hoi --lang en put nix 2025-Q3 a=1 >out 2>&1; says "--lang" "Error HOI-0407"
if [[ -e /dev/full ]]; then hoi log >/dev/full 2>out; is "a full disk behind the screen" $? 4; fi
hoi status --json 2>/dev/null | field log.written >out || fail "status --json is no JSON alone"

# 9. Looking after the store: nothing changes by being derived anew.
before=$(hoi digest 2>/dev/null); done_well rebuild; is "digest after rebuild" "$(hoi digest 2>/dev/null)" "$before"
done_well check
/usr/bin/python3 -c 'import fcntl, sys, time
with open(sys.argv[1], "r+") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(20)' "$HOI_DIR/lock" >held & holder=$!
until [[ -s held ]]; do sleep 0.05; done
hoi status >out 2>&1; is "a store in use" $? 3; says "a store in use" HOI-0503
kill "$holder"; wait "$holder" 2>/dev/null

[[ $failures -eq 0 ]] && echo "ok" || { echo "$failures failures"; exit 1; }
