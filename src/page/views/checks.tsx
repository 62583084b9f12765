/** What went wrong without an error (`hivelog check`), and whether the bytes are those that were written (`verify`). */
import type { CheckReport } from '../../analyse/check/checker.js'
import type { VerifyAnswer } from '../../serve/api/verify-hive.js'
import { overview, showAgent } from '../data/store.js'
import type { Asked } from '../data/use-answer.js'
import { PlaceLink } from '../parts/place-link.js'
import { Figure } from '../parts/table.js'
import { byteSize, clean, counted, grouped, Said } from '../parts/text.js'
import { ReportFrame, useReport } from './report-frame.js'

export function Checks() {
  const asked = useReport<CheckReport>('check')
  const verified = useReport<VerifyAnswer>('verify')
  const report = asked.value
  return (
    <ReportFrame region="Checks" title="Checks" asked={asked}>
      <Verified asked={verified} />
      {report !== undefined && (
        <>
          <dl class="figures">
            <Figure name="errors" tone={report.counts.error > 0 ? 'bad' : ''}>
              {grouped(report.counts.error)}
            </Figure>
            <Figure name="warnings" tone={report.counts.warning > 0 ? 'warn' : ''}>
              {grouped(report.counts.warning)}
            </Figure>
            <Figure name="notes">{grouped(report.counts.info)}</Figure>
            <Figure name="events looked at">{grouped(report.events)}</Figure>
            <Figure name="lines not read" tone={report.malformed > 0 ? 'bad' : ''}>
              {grouped(report.malformed)}
            </Figure>
          </dl>
          {report.findings.length === 0 ? (
            <p class="nothing good">Nothing is wrong that the rules of check know.</p>
          ) : (
            <ul class="findings">
              {report.findings.map((finding) => (
                <li key={`${finding.rule} ${finding.message}`} class={`finding is-${finding.severity}`}>
                  <span class="finding-head">
                    <b class="severity">{finding.severity}</b>
                    <code>{clean(finding.rule)}</code>
                  </span>
                  <p>
                    <Said text={finding.message} />
                  </p>
                  <span class="finding-places">
                    {finding.agents.map((agent) => (
                      <button type="button" class="link" key={agent} onClick={() => showAgent(agent)}>
                        <Said text={agent} most={80} />
                      </button>
                    ))}
                    {finding.places.map((place) => (
                      <PlaceLink key={`${place.file}:${place.line}`} place={place} />
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          )}
          {report.omitted > 0 && (
            <p class="soft">{counted(report.omitted, 'finding')} more are not listed.</p>
          )}
        </>
      )}
    </ReportFrame>
  )
}

function Verified({ asked: { value, error, isLoading } }: { asked: Asked<VerifyAnswer> }) {
  if (error !== undefined) return <p class="verified is-off">{error.message}</p>
  if (value === undefined) return <p class="verified">{isLoading ? 'Comparing bytes with seals…' : ''}</p>
  const files = value.logs.flatMap((log) => log.files)
  const sealed = files.reduce((sum, file) => sum + file.sealedBytes, 0)
  const all = files.reduce((sum, file) => sum + file.bytes, 0)
  const signed = value.logs.reduce((sum, log) => sum + log.signed, 0)
  const until = overview.value?.sealed
  if (!value.ok) {
    return (
      <div class="verified is-off">
        <p>
          <b>These bytes are not those that were written.</b> Keep a copy of the files as they are, and ask
          who changed them.
        </p>
        <ul>
          {value.logs
            .flatMap((log) => log.findings)
            .slice(0, 50)
            .map((each) => (
              <li key={`${each.file}:${each.line}:${each.kind}`}>
                <code>{each.kind}</code> <PlaceLink place={each} text={`${each.line ?? '—'}`} />{' '}
                <Said text={each.message} />
              </li>
            ))}
        </ul>
      </div>
    )
  }
  return (
    <p class={sealed === 0 ? 'verified' : 'verified is-on'}>
      {sealed === 0 ? (
        <>No seal is in this log yet: nothing vouches for its bytes.</>
      ) : (
        <>
          <b>As it was written.</b>{' '}
          {counted(
            files.reduce((sum, file) => sum + file.seals, 0),
            'seal',
          )}{' '}
          vouch for {byteSize(sealed)} of {byteSize(all)}
          {until !== undefined && <>, up to event {grouped(until.position)}</>}
          {signed > 0 && <>; {grouped(signed)} are signed</>}.
        </>
      )}
    </p>
  )
}
