import '@mantine/charts/styles.css';

import { AreaChart } from '@mantine/charts';

import { dayName } from '../../words';
import type { Day } from './History';
import { percent } from './percent';

const short = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** The share with 2FA as a line over the days. The table below says the same in words, so this is for the eyes only. */
export default function Chart({ days }: { days: readonly Day[] }) {
  return (
    <div aria-hidden>
      <AreaChart
        h={220}
        data={days.map(({ day, active, with2FA }) => ({ day, share: percent(with2FA, active) }))}
        dataKey="day"
        series={[{ name: 'share', label: 'With 2FA', color: 'var(--muster-line)' }]}
        curveType="stepAfter"
        withDots={days.length <= 2}
        yAxisProps={{ domain: [0, 100], width: 52 }}
        xAxisProps={{ tickFormatter: (day: string) => short.format(new Date(day)), minTickGap: 40 }}
        unit=" %"
        tooltipProps={{ labelFormatter: (day) => (typeof day === 'string' && day !== '' ? dayName(day) : '') }}
        areaProps={{ isAnimationActive: false }}
        accessibilityLayer={false}
      />
    </div>
  );
}
