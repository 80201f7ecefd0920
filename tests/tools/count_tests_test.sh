#!/bin/sh
# count_tests_test.sh COUNT_TESTS: the last line of `./ergon test` adds up what ctest and GoogleTest wrote.
set -eu
count=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
# expect STATUS LINE: what count_tests exits with and prints last.
expect() {
  status=0
  line=$(sh "$count" "$folder" 2>/dev/null | tail -n 1) || true
  sh "$count" "$folder" >/dev/null 2>&1 || status=$?
  if [ "$status" != "$1" ] || [ "$line" != "$2" ]; then
    echo "expected exit $1 and '$2', got exit $status and '$line'"
    failed=1
  fi
}
# entries NAME STATUS...: what ctest would have written.
entries() {
  {
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo '<testsuite name="Linux">'
    while [ $# -gt 0 ]; do
      printf '\t<testcase name="%s" classname="%s" time="0.1" status="%s">\n\t\t<system-out>x</system-out>\n\t</testcase>\n' "$1" "$1" "$2"
      shift 2
    done
    echo '</testsuite>'
  } >"$folder/ctest.junit"
}

expect 1 '0 passed, 1 failed, 0 skipped'
entries layers run headers run format notrun
expect 0 '2 passed, 0 failed, 1 skipped'
entries layers fail headers run
expect 1 '1 passed, 1 failed, 0 skipped'
entries format notrun
expect 1 '0 passed, 0 failed, 1 skipped'

cat >"$folder/unit.xml" <<'END'
<testsuites tests="4" failures="0" disabled="1" errors="0" time="0.1" name="AllTests">
    <testcase name="A" file="a.cpp" line="1" status="run" result="completed" time="0." classname="S" />
    <testcase name="B" file="a.cpp" line="2" status="run" result="completed" time="0." classname="S" />
    <testcase name="C" file="a.cpp" line="3" status="run" result="skipped" time="0." classname="S">
      <skipped message="a.cpp:3&#x0A;no data"><![CDATA[no data]]></skipped>
    </testcase>
    <testcase name="DISABLED_D" file="a.cpp" line="4" status="notrun" result="suppressed" time="0." classname="S" />
</testsuites>
END
entries unit run layers run
expect 0 '3 passed, 0 failed, 2 skipped'
entries unit fail layers run
expect 1 '3 passed, 1 failed, 2 skipped'

cat >"$folder/unit.xml" <<'END'
    <testcase name="A" status="run" result="completed" classname="S">
      <failure message="one" type=""><![CDATA[one]]></failure>
      <failure message="two" type=""><![CDATA[two]]></failure>
    </testcase>
    <testcase name="B" status="run" result="completed" classname="S" />
END
entries unit fail
expect 1 '1 passed, 1 failed, 0 skipped'
[ "$failed" = 0 ] && echo "count: every case adds up"
exit "$failed"
