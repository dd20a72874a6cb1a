package format

import (
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// JUnit XML, the test result format of CI systems: a suite per category, a case per item. fail is a failure, unknown is an
// error, skip and waived are skipped; warn and pending pass, with the state in the case's output. The format follows
// junit-10.xsd of Jenkins's xunit plugin, the strictest schema in use: testsuites has neither timestamp nor skipped, and
// times are in seconds with at most three decimals. Less strict readers accept it too.

type JunitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     junitSeconds `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string       `xml:"name,attr"`
	Timestamp string       `xml:"timestamp,attr"`
	Tests     int          `xml:"tests,attr"`
	Failures  int          `xml:"failures,attr"`
	Errors    int          `xml:"errors,attr"`
	Skipped   int          `xml:"skipped,attr"`
	Time      junitSeconds `xml:"time,attr"`
	Cases     []junitCase  `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      junitSeconds  `xml:"time,attr"`
	Failure   *junitTrouble `xml:"failure"`
	Error     *junitTrouble `xml:"error"`
	Skipped   *junitSkip    `xml:"skipped"`
	Output    string        `xml:"system-out,omitempty"`
}

type junitTrouble struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkip struct {
	Message string `xml:"message,attr"`
}

// junitSeconds is a duration in the format of the schema.
type junitSeconds float64

// MarshalXMLAttr implements xml.MarshalerAttr.
func (s junitSeconds) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	return xml.Attr{Name: name, Value: strconv.FormatFloat(float64(s), 'f', 3, 64)}, nil
}

// EncodeJUnit returns the report as JUnit XML.
func EncodeJUnit(r *collector.Report) ([]byte, error) {
	at := r.Time.UTC().Format("2006-01-02T15:04:05") // the schema allows no time zone
	all := JunitSuites{Name: r.Checklist.Name}
	for _, cat := range r.Checklist.Categories {
		s := junitSuite{Name: cat.Name, Timestamp: at}
		for _, v := range r.Category(cat.Name) {
			c := encodeCase(&v)
			s.Tests++
			s.Time += c.Time
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Error != nil:
				s.Errors++
			case c.Skipped != nil:
				s.Skipped++
			}
			s.Cases = append(s.Cases, c)
		}
		if s.Tests == 0 {
			continue
		}
		all.Tests, all.Failures, all.Errors, all.Time = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Time+s.Time
		all.Suites = append(all.Suites, s)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(data, '\n')...), err
}

func encodeCase(v *checklist.Verdict) junitCase {
	c := junitCase{Name: v.Title, ClassName: v.Category + "." + v.Name, Time: junitSeconds(v.Duration.Seconds())}
	trouble := func() *junitTrouble {
		return &junitTrouble{Message: phrase.Printable(v.Detail), Type: string(v.Reason), Text: phrase.Printable(v.Detail) + "\nfix: " + phrase.Printable(v.Fix) + "\n" + junitLooks(v)}
	}
	switch {
	case v.Waived && v.State != probe.StatePass:
		c.Skipped = &junitSkip{v.State.String() + ", waived by " + phrase.Printable(v.Waiver.Who()) + " until " + lastDay(v.Waiver) + ": " + phrase.Printable(v.Waiver.Reason)}
	case v.State == probe.StateFail:
		c.Failure = trouble()
	case v.State == probe.StateUnknown:
		c.Error = trouble()
	case v.State == probe.StateSkip:
		c.Skipped = &junitSkip{string(v.Reason) + ": " + phrase.Printable(v.Detail)}
	case v.State == probe.StatePass:
		c.Output = phrase.Printable(v.Detail)
	default:
		c.Output = v.State.String() + " (" + string(v.Reason) + "): " + phrase.Printable(v.Detail)
	}
	return c
}

// junitLooks lists the result of each probe of an item.
func junitLooks(v *checklist.Verdict) string {
	var b strings.Builder
	for _, o := range v.Outcomes {
		b.WriteString(o.Probe.Name + ": " + o.Result.State.String() + " " + phrase.Printable(o.Result.Detail) + "\n")
	}
	return b.String()
}

// lastDay returns the last day on which a waiver is valid.
func lastDay(w *checklist.Waiver) string { return w.LastDay() }
