#!/bin/sh
# Put a dump in the place of the ledger, and let Temporal do again what was done since it was made.
#
#   sh deploy/restore/restore.sh [--compose] ledger.dump
#
# Stop the workers first, and start them when it has ended. The dump is restored into a database
# beside the ledger's and looked at there; only then the two change names, in one transaction. What
# was there stays, under another name. Until then whatever goes wrong leaves everything as it was.
#
# The server is the one of HOLDFAST_DATABASE_URL, whose role owns the database and may make another,
# and end whatever sessions are open; with --compose it is that of the Compose file. Where Temporal
# is, its own settings say.
# A dump without any reservation is refused unless HOLDFAST_EMPTY_LEDGER=accept.
set -eu

usage='sh deploy/restore/restore.sh [--compose] ledger.dump'
session_seconds_max=10

say() { echo "restore: $*" >&2; }
refuse() { say "$*; nothing was changed"; exit 1; }

here=$(dirname "$0")
postgres='' migrate='python -m worker migrate'
if [ "${1:-}" = --compose ]; then
  shift
  postgres='docker compose exec -T postgres' migrate='docker compose run --rm migrate'
  HOLDFAST_DATABASE_URL='postgresql:///holdfast?user=holdfast'
  # Asks whether the ledger is empty, before the replay.
  HOLDFAST_WORKER="docker compose run --rm --no-deps \
    --env HOLDFAST_EMPTY_LEDGER=${HOLDFAST_EMPTY_LEDGER:-refuse} worker-1"
  export HOLDFAST_WORKER
fi
dump=${1:?say which dump: $usage}
: "${HOLDFAST_DATABASE_URL:?set HOLDFAST_DATABASE_URL to the URL of the owner}"
# The driver, which Holdfast may be told and libpq does not know.
url=$(printf '%s' "$HOLDFAST_DATABASE_URL" | sed 's,^postgres[a-z]*[+a-z0-9]*:,postgresql:,')

# The URL of another database of the same server: of a name that is there twice the last counts.
url_of() {
  case $url in
    *\?*) echo "$url&dbname=$1" ;;
    *) echo "$url?dbname=$1" ;;
  esac
}

# ask DATABASE SQL [NAME=VALUE ...]: the answer, without headings; in SQL a value is :'NAME'.
ask() {
  database=$1 sql=$2
  shift 2
  for value in "$@"; do set -- "$@" "--set=$value"; shift; done
  printf '%s\n' "$sql" | $postgres psql --no-psqlrc --quiet --tuples-only --no-align \
    --set=ON_ERROR_STOP=1 "$@" --dbname="$(url_of "$database")"
}

# --- look before anything is done ----------------------------------------------------------------

[ -s "$dump" ] || refuse "$dump is empty or not there"
$postgres pg_restore --list <"$dump" >/dev/null || refuse "$dump is no dump of pg_dump --format=custom"
$postgres pg_restore --list <"$dump" | grep -q 'TABLE DATA holdfast reservations' ||
  refuse "$dump holds no ledger"
temporal workflow count >/dev/null || refuse "Temporal cannot be asked"
name=$($postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname="$url" \
  --command='SELECT current_database()') || refuse "the database cannot be reached"

restoring="${name}_restoring"
before="${name}_before_$(date -u +%Y%m%dt%H%M%S)"

workers() {
  ask postgres "SELECT count(*) FROM pg_stat_activity
    WHERE datname = :'name' AND application_name = 'holdfast-worker'" "name=$name"
}
[ "$(workers)" = 0 ] || refuse "a worker is connected to $name: stop the workers first; if none \
runs, a pooler keeps their sessions (PgBouncer: RECONNECT)"

# What the role of the URL lacks, with what grants it: a line for each, nothing where all is well.
# The kind of a session, or what it does, is not for every role to see; whose it is, is.
lacking() {
  ask postgres "
WITH me AS (SELECT * FROM pg_roles WHERE rolname = current_user),
     ledger AS (SELECT * FROM pg_database WHERE datname = :'name'),
     sessions AS (
       SELECT DISTINCT r.rolname, r.rolsuper
         FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.oid = a.usesysid
        WHERE a.datname = :'name' AND NOT pg_has_role(r.oid, 'USAGE'))
SELECT format('%I does not own %I; as a superuser: ALTER DATABASE %2\$I OWNER TO %1\$I', rolname,
              datname)
  FROM me, ledger WHERE NOT pg_has_role(datdba, 'USAGE')
 UNION ALL
SELECT format('%I may make no database; as a superuser: ALTER ROLE %1\$I CREATEDB', rolname)
  FROM me WHERE NOT (rolsuper OR rolcreatedb)
 UNION ALL
SELECT format('%I may not say that what comes late counts for a day; as a superuser: '
              'GRANT SET ON PARAMETER holdfast.replays_until TO %1\$I', rolname)
  FROM me WHERE NOT has_parameter_privilege('holdfast.replays_until', 'SET')
 UNION ALL
SELECT format('%I may not end the sessions of %s; as a superuser: GRANT pg_signal_backend TO %1\$I',
              me.rolname, string_agg(quote_ident(s.rolname), ', ' ORDER BY s.rolname))
  FROM me, sessions AS s
 WHERE NOT (s.rolsuper OR pg_has_role('pg_signal_backend', 'USAGE'))
 GROUP BY me.rolname
 UNION ALL
SELECT format('only a superuser may end the sessions of %I: have them ended', s.rolname)
  FROM sessions AS s WHERE s.rolsuper;" "name=$name"
}
lacks=$(lacking) || refuse "the server cannot be asked what the role of the URL may do"
[ -z "$lacks" ] || refuse "$lacks"

# --- restore beside the ledger -------------------------------------------------------------------

drop_unfinished() {
  ask postgres 'SET client_min_messages = warning;
DROP DATABASE IF EXISTS :"restoring";' "restoring=$restoring"
}

undo() {
  told="$name is as it was"
  ask postgres 'ALTER DATABASE :"name" ALLOW_CONNECTIONS true;' "name=$name" ||
    told="$name holds what it held; if it takes nobody: ALTER DATABASE $name ALLOW_CONNECTIONS true"
  drop_unfinished || true
  say "failed; $told"
}
trap undo EXIT
trap 'exit 130' HUP INT TERM

say "restoring $dump into $restoring"
drop_unfinished
ask postgres "SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE %L '
    'LC_CTYPE %L OWNER %I', :'restoring', datcollate, datctype, pg_get_userbyid(datdba))
  FROM pg_database WHERE datname = :'name' \gexec" "name=$name" "restoring=$restoring"
$postgres pg_restore --exit-on-error --single-transaction --dbname="$(url_of "$restoring")" <"$dump"

held=$(ask "$restoring" "SELECT count(*) FROM holdfast.reservations")
if [ "$held" = 0 ] && [ "${HOLDFAST_EMPTY_LEDGER:-}" != accept ]; then
  say "$dump holds no reservation; if that is right, set HOLDFAST_EMPTY_LEDGER=accept"
  exit 1
fi
# What was done later than the last movement in the dump is done again, and a little that was not.
since=$(ask "$restoring" "SELECT to_char(coalesce(max(created_at) - interval '1 minute', 'epoch')
    AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM holdfast.stock_movements")
say "it holds $held reservations, and what was done until a minute after $since"

# What belongs to the database itself is in no dump: who may do what with it, and its settings.
ask postgres "
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'restoring')
  FROM pg_database WHERE datname = :'name' AND datacl IS NOT NULL
 UNION ALL
SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, :'restoring',
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
  FROM pg_database, aclexplode(datacl) AS a WHERE datname = :'name'
\gexec" "name=$name" "restoring=$restoring"

# Settings that a superuser has stored with a role, or of a kind that only one may store, are left:
# the answer is the statements for a superuser, a line for each.
copy_settings() {
  ask postgres "
SELECT set_config('restore.name', :'name', false),
       set_config('restore.restoring', :'restoring', false) \g /dev/null
DO \$\$
DECLARE
  whose text;
  stored text;
  remaining text := '';
BEGIN
  FOR whose, stored IN
    SELECT CASE s.setrole WHEN 0 THEN 'ALTER DATABASE'
                ELSE format('ALTER ROLE %I IN DATABASE', pg_get_userbyid(s.setrole)) END,
           format('SET %I TO %s', split_part(setting, '=', 1),
                  CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces',
                            'local_preload_libraries', 'session_preload_libraries')
                       THEN substr(setting, strpos(setting, '=') + 1)
                       ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
      FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase,
           unnest(s.setconfig) AS setting
     WHERE d.datname = current_setting('restore.name')
  LOOP
    BEGIN
      EXECUTE format('%s %I %s', whose, current_setting('restore.restoring'), stored);
    EXCEPTION WHEN insufficient_privilege THEN
      remaining := remaining
        || format(E'  %s %I %s;\n', whose, current_setting('restore.name'), stored);
    END;
  END LOOP;
  PERFORM set_config('restore.remaining', remaining, false);
END \$\$;
SELECT current_setting('restore.remaining');" "name=$name" "restoring=$restoring"
}
left=$(copy_settings)
# A reserve that comes late holds nothing, but for what is done again after the change of names.
ask postgres "SELECT format('ALTER DATABASE %I SET holdfast.replays_until = %L', :'restoring',
    now() + interval '1 day') \gexec" "restoring=$restoring"

# --- change the names ----------------------------------------------------------------------------

if [ "$(workers)" != 0 ]; then say "a worker has connected meanwhile"; exit 1; fi
ask postgres 'ALTER DATABASE :"name" ALLOW_CONNECTIONS false;' "name=$name"
lacks=$(lacking)
if [ -n "$lacks" ]; then say "$lacks"; exit 1; fi
# Whatever works for the server itself has no user, and makes way by itself.
ask postgres "SELECT pg_terminate_backend(pid, :seconds * 1000) FROM pg_stat_activity
  WHERE datname = :'name' AND usesysid IS NOT NULL;" \
  "name=$name" "seconds=$session_seconds_max" >/dev/null
ask postgres 'BEGIN;
ALTER DATABASE :"name" RENAME TO :"before";
ALTER DATABASE :"before" ALLOW_CONNECTIONS true;
ALTER DATABASE :"restoring" RENAME TO :"name";
COMMIT;' "name=$name" "restoring=$restoring" "before=$before"
trap - EXIT
say "done: $name is the dump now; what was there is $before, to be dropped when all is well"
[ -z "$left" ] || say "the role of the URL may not store these settings; have a superuser do it:
$left"

# --- bring it up to date -------------------------------------------------------------------------

$migrate || { say "migrate failed; put it right, run it again, and then:"
              say "  sh $here/replay-since.sh $since"; exit 1; }
sh "$here/replay-since.sh" "$since" || { say "go on with: sh $here/replay-since.sh $since"; exit 1; }
say "load the stock files that came since $since, and start the workers"
